#!/usr/bin/env python3
"""The driver of the pure-Python client: commands on standard input, replies and events on standard output.

See conformance/contract/v1/README.md. One thread waits for commands, for the client and for the connections that
`accept` and `serve` take; each outcome is written when it is known.
"""
import base64
import json
import os
import platform
import selectors
import sys
import time
from typing import Any, Callable

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import MESSAGES, Claim, Client, Fault, check, encode, expect, parse
from serving import Serving, open_listener

NAME = "serverswap-pure-python"
SUPPORTS = ["codec", "inherit", "serve", "fork", "reconnect", "more"]
LEFT_OUT: dict[str, dict[str, Any]] = {
    "greeting": {"capabilities": {}},
    "welcome": {"capabilities": {}},
    "error": {"fatal": False},
}
selector = selectors.DefaultSelector()


def reserved(shape: dict[str, Any]) -> set[str]:
    """The keys that every message may have and that mean nothing in this one."""
    own = {"re"} if shape["title"] == "error" else {"fds"} if shape["title"] in ("granted", "event") else set()
    return {"id", "re", "ext", "fds"} - own - set(shape["required"])


def write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def event(kind: str, **fields: Any) -> None:
    write({"event": kind, **{key: value for key, value in fields.items() if value is not None}})


class Driver:
    def __init__(self) -> None:
        self.client: Client | None = None
        self.ops: dict[Claim, str] = {}
        self.loops: dict[str, Serving] = {}
        self.early: list[tuple[str, dict[str, Any]]] = []  # told by `ready_for` before it has returned the claim

    def tell(self, kind: str, **fields: Any) -> None:
        claim = fields.pop("claim", None)
        if claim is None:
            return event(kind, **fields)
        if claim not in self.ops:
            return self.early.append((kind, {"claim": claim, **fields}))
        fields["address"] = claim.address
        if kind == "takedown":
            return event(kind, address=claim.address, reason=fields["reason"], drainMs=fields["drain_ms"])
        if kind == "granted":
            fields["listener"] = claim.listener is not None
        if kind == "waiting":
            return event(kind, op=self.ops[claim], waitingFor=fields["waiting_for"])
        event(kind, op=self.ops[claim], **fields)

    def using(self) -> Client:
        if self.client is None:
            raise Fault("not_connected", "`connect` comes first")
        return self.client

    def loop(self, address: str) -> Serving:
        claim = self.using().claimed(address, "held", "takingDown")
        if claim.address not in self.loops:
            listener = claim.listener or open_listener(claim.address)
            self.loops[claim.address] = Serving(selector, listener, NAME, event)
        return self.loops[claim.address]

    # One method for each command: what it returns is added to the reply.

    def hello(self, **_: Any) -> dict[str, Any]:
        info = {"name": NAME, "version": "0.1.0", "language": "python", "languageVersion": platform.python_version()}
        return {"contract": 1, "client": info, "protocol": [1], "level": 3, "supports": SUPPORTS}

    def decode(self, line: str, fds: int = 0, **_: Any) -> dict[str, Any]:
        try:
            whole, feed, rest = base64.b64decode(line).partition(b"\n")
            message = parse(whole)
            expect(feed and not rest, "malformed_line", "not one line")
            expect(len(message.get("fds", [])) == fds, "descriptor_mismatch")
            shape = MESSAGES.get(message["type"])
            if not shape:
                unknown = {"type": message["type"], "id": message.get("id")}
                return {"unknown": unknown} if "id" in message else {"ignored": True}
            known = LEFT_OUT.get(message["type"], {}) | check(shape, message)
            return {"message": {key: value for key, value in known.items() if key not in reserved(shape)}}
        except Fault as fault:
            return {"rejected": fault.code}

    def encode(self, message: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"line": base64.b64encode(encode(message)).decode()}

    def connect(self, **_: Any) -> dict[str, Any]:
        self.client = Client(self.tell, open_listener, NAME)
        selector.register(self.client.poll, selectors.EVENT_READ, self.client.process)
        return {"supervised": self.client.path != ""}

    def readyFor(self, op: str, address: str, socket: str, more: bool = False, **_: Any) -> None:
        claim = self.using().ready_for(address, socket == "inherit", more)
        self.ops[claim] = op
        self.loops.pop(claim.address, None)

    def serving(self, address: str, **_: Any) -> None:
        self.using().serving(address)

    def onTakedown(self, address: str, **_: Any) -> None:
        self.using().on_takedown(address)

    def released(self, address: str, **_: Any) -> None:
        claim = self.using().claimed(address, "waiting", "held", "takingDown")
        loop = self.loops.pop(claim.address, None)
        if loop:
            loop.http, loop.echoes = False, []
            loop.watch()
            loop.listener.close()
        self.using().released(address)

    def progress(self, address: str, connections: int | None = None, extendMs: int | None = None, **_: Any) -> None:
        fields = {"connections": connections, "extendMs": extendMs}
        self.using().progress(address, **{key: value for key, value in fields.items() if value is not None})

    def serverUp(self, **_: Any) -> None:
        self.using().say_once("serverUp")

    def fail(self, reason: str, **_: Any) -> None:
        self.using().say_once("fail", reason=reason)

    def accept(self, address: str, op: str, **_: Any) -> None:
        loop = self.loop(address)
        loop.echoes.append(op)
        loop.watch()

    def serve(self, address: str, **_: Any) -> None:
        loop = self.loop(address)
        loop.http = True
        loop.watch()

    def stop(self, address: str, op: str, **_: Any) -> None:
        loop = self.loop(address)
        loop.http, loop.stopping = False, op
        loop.watch()

    def fork(self, op: str, **_: Any) -> None:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            code = "none"
            try:
                self.using().ready_for("forked", inherit=False)
            except Fault as fault:
                code = fault.code
            os.write(writer, code.encode())
            os._exit(0)
        os.close(writer)
        code = os.read(reader, 100).decode()
        os.close(reader)
        os.waitpid(child, 0)
        self.early.append(("forked", {"op": op, "code": code}))

    def sync(self, **_: Any) -> None:
        if self.client:
            self.client.process()

    def close(self, **_: Any) -> None:
        if self.client:
            selector.unregister(self.client.poll)
            self.client.close()

    def exit(self, code: int, **_: Any) -> None:
        self.early.append(("exit", {"code": code}))

    def command(self, line: bytes) -> None:
        command = json.loads(line)
        seq, word = command.pop("seq"), command.pop("cmd")
        does: Callable[..., dict[str, Any] | None] | None = getattr(self, word, None) if word in COMMANDS else None
        try:
            if does is None:
                write({"seq": seq, "unsupported": True, "why": f"`{word}` is not known"})
            else:
                write({"seq": seq, "ok": True, **(does(**command) or {})})
        except Fault as fault:
            write({"seq": seq, "errored": True, "code": fault.code, "message": str(fault)})
        except Exception as error:
            write({"seq": seq, "errored": True, "message": repr(error)})
        early, self.early = self.early, []
        for kind, fields in early:
            if kind == "exit":
                os._exit(fields["code"])
            if kind == "forked":
                event(kind, **fields)
            else:
                self.tell(kind, **fields)


COMMANDS = set(
    "hello decode encode connect readyFor serving onTakedown released progress serverUp fail accept serve stop fork "
    "sync close exit".split()
)


def main() -> None:
    driver, rest = Driver(), b""
    selector.register(0, selectors.EVENT_READ)
    while True:
        due = driver.client.due if driver.client else None
        for key, _ in selector.select(None if due is None else max(0.0, due - time.monotonic())):
            if key.data:
                # Unless what came before it has closed it.
                if any(each is key for each in selector.get_map().values()):
                    key.data()
                continue
            data = os.read(0, 65536)
            if not data:
                os._exit(0)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                driver.command(line)
        if driver.client and not driver.client.over:
            driver.client.process()


if __name__ == "__main__":
    main()
