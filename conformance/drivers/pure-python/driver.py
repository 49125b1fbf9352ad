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
import socket
import sys
from typing import Any, Callable

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import Claim, Client
from lines import HEARD, SHAPES, Fault, encode, expect, fits, parse
from serving import Serving, grant_alone, open_listener

NAME = "serverswap-pure-python"
SUPPORTS = ["codec", "inherit", "serve", "fork", "reconnect", "more"]
EVENTS = {"progress": "waiting", "error": "refused"}  # what the contract calls them
TOLD = ("code", "message", "waitingFor", "reason", "drainMs")
LEFT_OUT: dict[str, dict[str, Any]] = {
    "greeting": {"capabilities": {}},
    "welcome": {"capabilities": {}},
    "error": {"fatal": False},
}
HELD = ("granted", "serving", "takingDown")
RETRY_S = 0.1
selector = selectors.DefaultSelector()


def known(shape: dict[str, Any], value: Any) -> Any:
    """The part of a value that the schema knows."""
    if "allOf" in shape:
        shape = SHAPES[shape["allOf"][0]["$ref"].rpartition("/")[2]]
    if "properties" not in shape:
        return value
    return {key: known(shape["properties"][key], each) for key, each in value.items() if key in shape["properties"]}


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
        self.watched: socket.socket | None = None
        self.ops: dict[Claim, str] = {}
        self.loops: dict[str, Serving] = {}
        self.status: int | None = None

    def tell(self, message: dict[str, Any], claim: Claim | None) -> None:
        """One event of the client in the words of the contract."""
        kind = message["type"]
        if claim is None:
            return event("warning" if kind == "warning" else "lost", code=message["code"])
        fields = {key: message.get(key) for key in TOLD}
        if kind != "takedown":
            fields["op"] = self.ops[claim]
        if kind != "progress":
            fields["address"] = claim.address
        if kind == "granted":
            fields["listener"] = claim.listener is not None
        event(EVENTS.get(kind, kind), **fields)

    def go_on(self) -> None:
        """What the client can do now, and what came of it."""
        if self.client is None:
            return
        if self.client.path and not self.client.over:
            self.client.process()
        while self.client.events:
            self.tell(*self.client.events.pop(0))
        self.watch(self.client)

    def watch(self, client: Client) -> None:
        """Waits for the connection that there is now."""
        link = client.link
        if self.watched and (link.state == "closed" or link.socket is not self.watched):
            selector.unregister(self.watched)
            self.watched = None
        if link.state != "closed":
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.full else 0)
            (selector.modify if self.watched else selector.register)(link.socket, wanted, self.go_on)
            self.watched = link.socket

    def patience(self) -> float | None:
        """How long nothing needs to be done, unless something comes."""
        client = self.client
        return RETRY_S if client and client.path and not client.over and client.link.state != "open" else None

    def using(self) -> Client:
        if self.client is None:
            raise Fault("not_connected", "`connect` comes first")
        return self.client

    def say(self, kind: str, address: str = "", **fields: Any) -> Claim:
        """With the contract's word for what may not be said."""
        try:
            return self.using().say(kind, address, **fields)
        except Fault as fault:
            code, why = fault.args
            words = {"readyFor": "failed" if self.using().state == "failed" else "already_claimed"}
            raise Fault(words.get(kind, "not_held") if code == "never" else code, why) from None

    def claim(self, address: str, *states: str) -> Claim:
        claim = self.using().of(address)
        expect(claim.state in states, "not_held", f"{address} is {claim.state}")
        return claim

    def loop(self, address: str) -> Serving:
        claim = self.claim(address, *HELD)
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
            expect(len(message.get("fds", [])) == fds, "descriptor_mismatch", "another number of them")
            shape = HEARD.get(message["type"])
            if not shape:
                unknown = {"type": message["type"], "id": message.get("id")}
                return {"unknown": unknown} if "id" in message else {"ignored": True}
            expect(fits(shape, message), "invalid_message", "impossible")
            found = LEFT_OUT.get(message["type"], {}) | known(shape, message)
            return {"message": {key: value for key, value in found.items() if key not in reserved(shape)}}
        except Fault as fault:
            return {"rejected": fault.args[0]}

    def encode(self, message: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"line": base64.b64encode(encode(message)).decode()}

    def connect(self, **_: Any) -> dict[str, Any]:
        self.client = Client(NAME, "0.1.0")
        return {"supervised": self.client.path != ""}

    def readyFor(self, op: str, address: str, socket: str, more: bool = False, **_: Any) -> None:
        claim = self.say("readyFor", address, socket=socket, more=more or None)
        self.ops[claim] = op
        self.loops.pop(claim.address, None)
        if not self.using().path:
            self.tell(grant_alone(claim), claim)

    def serving(self, address: str, **_: Any) -> None:
        self.say("serving", address)

    def onTakedown(self, address: str, **_: Any) -> None:
        self.say("onTakedown", address)

    def released(self, address: str, **_: Any) -> None:
        claim = self.claim(address, "claimed", *HELD)
        loop = self.loops.pop(claim.address, None)
        if loop:
            loop.http, loop.echoes = False, []
            loop.watch()
            loop.listener.close()
        self.say("released", address)

    def progress(self, address: str, connections: int | None = None, extendMs: int | None = None, **_: Any) -> None:
        self.say("progress", address, connections=connections, extendMs=extendMs)

    def serverUp(self, **_: Any) -> None:
        self.say("serverUp")

    def fail(self, reason: str, **_: Any) -> None:
        self.say("fail", reason=reason)

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
                self.say("readyFor", "forked", socket="bind")
            except Fault as fault:
                code = fault.args[0]
            os.write(writer, code.encode())
            os._exit(0)
        os.close(writer)
        code = os.read(reader, 100).decode()
        os.close(reader)
        os.waitpid(child, 0)
        event("forked", op=op, code=code)

    def sync(self, **_: Any) -> None:
        self.go_on()

    def close(self, **_: Any) -> None:
        if self.client:
            self.client.close()

    def exit(self, code: int, **_: Any) -> None:
        self.status = code

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
            write({"seq": seq, "errored": True, "code": fault.args[0], "message": fault.args[1]})
        except Exception as error:
            write({"seq": seq, "errored": True, "message": repr(error)})
        if self.status is not None:
            os._exit(self.status)


COMMANDS = set(
    "hello decode encode connect readyFor serving onTakedown released progress serverUp fail accept serve stop fork "
    "sync close exit".split()
)


def main() -> None:
    driver, rest = Driver(), b""
    selector.register(0, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select(driver.patience()):
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
        driver.go_on()


if __name__ == "__main__":
    main()
