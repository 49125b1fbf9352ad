#!/usr/bin/env python3
"""The driver of our package for Python: commands on standard input, replies and events on standard output.

See conformance/contract/v1/README.md. It is a program for asyncio with the calls of ``serverswap.aio``. Of what is not
in the package's API it uses the codec, ``CONNECTION.process`` as a barrier, ``close``, because a program drops its
connection by ending, and the event ``waiting``, of which the package tells nobody.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import platform
import sys
from importlib.metadata import version
from typing import Any

import serverswap
from serverswap import _native, aio
from serverswap._connection import CONNECTION

from serving import Serving

NAME = "serverswap-python"
SUPPORTS = ["codec", "inherit", "serve", "fork", "reconnect", "more", "many"]
#: Mistakes of the program, which are raised where the claim is made.
MISTAKES = (
    serverswap.AlreadyClaimedError,
    serverswap.FailedError,
    serverswap.ForkedError,
    serverswap.InvalidAddressError,
    serverswap.NotInheritableError,
)


def write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def event(kind: str, **fields: Any) -> None:
    write({"event": kind, **{key: value for key, value in fields.items() if value is not None}})


class Lost(logging.Handler):
    """What the package reports about no claim."""

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and len(record.args) == 2:
            event("lost", code=record.args[1])


async def turns() -> None:
    """Lets what is ready run, and what becomes ready by that."""
    for _ in range(5):
        await asyncio.sleep(0)


class Driver:
    """One method for each command: what it returns is added to the reply."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self.servings: dict[str, Serving] = {}
        self.taken: dict[str, asyncio.Event] = {}
        self.listeners: dict[str, serverswap.Listener | None] = {}
        self.handled: set[str] = set()
        self.ops: dict[str, str] = {}
        self.closed = False
        self._deliver, CONNECTION._deliver = CONNECTION._deliver, self._observe  # type: ignore[method-assign]

    def _observe(self, events: list[_native.Event]) -> None:
        for each in events:
            if each.kind == "waiting":
                event("waiting", op=self.ops[str(each.address)], waitingFor=each.message)
        self._deliver(events)

    def start(self, coroutine: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def hello(self, **_: Any) -> dict[str, Any]:
        info = {"name": NAME, "version": version("serverswap"), "language": "python"}
        info["languageVersion"] = platform.python_version()
        return {"contract": 1, "client": info, "protocol": [1], "level": 3, "supports": SUPPORTS}

    async def decode(self, line: str, fds: int = 0, **_: Any) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(_native.decode_line(base64.b64decode(line), fds))
        return decoded

    async def encode(self, message: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"line": base64.b64encode(_native.encode_line(json.dumps(message))).decode()}

    async def connect(self, **_: Any) -> dict[str, Any]:
        CONNECTION.read_by_loop(asyncio.get_running_loop())
        return {"supervised": serverswap.supervised}

    async def readyFor(self, op: str, address: str, socket: str, more: bool = False, **_: Any) -> None:
        canonical = str(_native.Address(address))
        mistakes: list[BaseException] = []
        replied = False

        async def claim() -> None:
            try:
                listener = await aio.ready_for(address, inherit=socket == "inherit", more=more)
            except serverswap.ServerSwapError as error:
                if isinstance(error, MISTAKES) and not replied:
                    mistakes.append(error)
                else:
                    event("refused", op=op, address=canonical, code=error.code, message=str(error))
                return
            self.listeners[canonical] = listener
            event("granted", op=op, address=canonical, listener=listener is not None)

        before = self.ops.get(canonical)
        self.ops[canonical] = op
        self.start(claim())
        await asyncio.sleep(0)  # up to its first wait
        replied = True
        if mistakes:
            self.ops[canonical] = before or op
            raise mistakes[0]

    async def serving(self, address: str, **_: Any) -> None:
        await aio.serving(address)

    async def onTakedown(self, address: str, **_: Any) -> None:
        canonical = str(_native.Address(address))

        async def taken(takedown: serverswap.Takedown) -> None:
            done = self.taken[canonical] = asyncio.Event()
            drain_ms = round(takedown.drain * 1000)
            event("takedown", address=canonical, reason=takedown.reason, drainMs=drain_ms)
            await done.wait()

        if canonical not in self.handled:
            aio.on_takedown(address, taken)
            self.handled.add(canonical)

    async def released(self, address: str, **_: Any) -> None:
        canonical = str(_native.Address(address))
        serving, listener = self.servings.pop(canonical, None), self.listeners.pop(canonical, None)
        if serving:
            serving.close()
        if listener:
            listener.close()
        if canonical in self.taken:
            self.taken.pop(canonical).set()
            await turns()
        else:
            await aio.released(address)

    async def progress(
        self, address: str, connections: int | None = None, extendMs: int | None = None, **_: Any
    ) -> None:
        extend = None if extendMs is None else extendMs / 1000
        await aio.progress(address, connections=connections, extend=extend)

    async def serverUp(self, **_: Any) -> None:
        await aio.server_up()

    async def fail(self, reason: str, **_: Any) -> None:
        self.start(aio.fail(reason))
        await asyncio.sleep(0)

    def _serving(self, address: str) -> Serving:
        canonical = str(_native.Address(address))
        if canonical not in self.listeners:
            raise serverswap.NotHeldError(f"{address} is not held")
        if canonical not in self.servings:
            self.servings[canonical] = Serving(self.listeners[canonical], canonical, NAME)
        return self.servings[canonical]

    async def accept(self, address: str, op: str, **_: Any) -> None:
        serving = self._serving(address)

        async def echo() -> None:
            await serving.echo()
            event("accepted", op=op)

        serving.start(echo())

    async def serve(self, address: str, **_: Any) -> None:
        serving = self._serving(address)
        serving.start(serving.answer())

    async def stop(self, address: str, op: str, **_: Any) -> None:
        serving = self._serving(address)
        serving.stop()

        async def stopped() -> None:
            await serving.finished()
            event("stopped", op=op)

        self.start(stopped())

    async def fork(self, op: str, **_: Any) -> None:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            code = "none"
            try:
                serverswap.serving(":1")
            except serverswap.ServerSwapError as error:
                code = error.code
            os.write(writer, code.encode())
            os._exit(0)
        os.close(writer)
        code = os.read(reader, 100).decode()
        os.close(reader)
        os.waitpid(child, 0)
        asyncio.get_running_loop().call_soon(lambda: event("forked", op=op, code=code))

    async def sync(self, **_: Any) -> None:
        if serverswap.supervised and not self.closed:
            CONNECTION.process()
        await turns()

    async def close(self, **_: Any) -> None:
        was_closed, self.closed = self.closed, True
        if CONNECTION._connection and not was_closed:
            asyncio.get_running_loop().remove_reader(CONNECTION._connection.fileno())
            CONNECTION._connection.close()

    async def exit(self, code: int, **_: Any) -> None:
        asyncio.get_running_loop().call_soon(os._exit, code)

    async def run(self, seq: int, cmd: str, **fields: Any) -> None:
        if cmd not in COMMANDS:
            return write({"seq": seq, "unsupported": True, "why": f"`{cmd}` is not known"})
        try:
            write({"seq": seq, "ok": True, **(await getattr(self, cmd)(**fields) or {})})
        except serverswap.ServerSwapError as error:
            write({"seq": seq, "errored": True, "code": error.code, "message": str(error)})
        except Exception as error:
            write({"seq": seq, "errored": True, "message": repr(error)})


COMMANDS = {name for name in vars(Driver) if not name.startswith("_")} - {"run", "start", "turns"}


async def main() -> None:
    logging.getLogger("serverswap").addHandler(Lost())
    driver, loop = Driver(), asyncio.get_running_loop()
    commands = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        await driver.run(**json.loads(line))
        await asyncio.sleep(0)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
