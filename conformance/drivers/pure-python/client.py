"""A server's client of the serverswap protocol, version 1: plain Python, written from spec/README.md alone.

One thread, and no call that blocks: wait until `poll` is readable, until `due` at most, and call `process()`.
`tell(what, **fields)` hears what happens: waiting, granted, refused and takedown, each with its `claim`; warning
and lost, with a `code`. Without a supervisor every claim is granted at once, with what `bind(address)` opens.
"""
import errno
import ipaddress
import json
import os
import pathlib
import re
import select
import socket
import stat
import time
from typing import Any, Callable, Iterable

V1 = pathlib.Path(__file__).resolve().parents[3] / "spec/v1"
SHAPES = json.loads((V1 / "schema/arbiter-to-client.json").read_bytes())["$defs"]
UNKNOWN = SHAPES.pop("UnknownMessage")  # the keys that are reserved in every message
MESSAGES = {shape["title"]: shape for shape in SHAPES.values() if "title" in shape}
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
ERRORS = [each for each in json.loads((V1 / "meta.json").read_bytes())["errors"] if each["sender"] != "library"]
CODES = {each["code"] for each in ERRORS}
FINAL = {each["code"] for each in ERRORS if each["retry"] == "never" and each["fatal"] != "no"}
LINE_BYTES, QUEUE_BYTES = 65536, 1 << 20  # a peer that leaves more than this unread is left
LOST_S, PATIENCE_S, RETRY_S = 10, 5, 0.1
HELD = ("held", "takingDown")


class Fault(ValueError):
    """What the other side, or the program, did wrong: a code for programs, and words for people."""

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(why or code)
        self.code = code


def expect(truth: object, code: str, why: str = "") -> None:
    if not truth:
        raise Fault(code, why)


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def parse(line: bytes) -> dict[str, Any]:
    """The object of a line without its line feed; what its reserved keys say is possible."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        expect(len(dict(pairs)) == len(pairs), "malformed_line", "a key twice")
        return dict(pairs)

    def whole(digits: str) -> int:  # it gets NaN and Infinity as well
        expect(len(digits) < 18 and abs(int(digits)) < 2**53, "malformed_line", f"the number {digits[:30]}")
        return int(digits)

    def depth(value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    expect(len(line) < LINE_BYTES, "line_too_long")
    try:
        message = json.loads(line.decode(), object_pairs_hook=unique, parse_int=whole, parse_constant=whole)
        json.dumps(message, ensure_ascii=False, allow_nan=False).encode()  # no half surrogate pair, no 1e999
        check(UNKNOWN, message)
        expect(depth(message) <= 16, "malformed_line", "too deep")
    except (ValueError, RecursionError) as error:
        raise Fault("malformed_line", str(error)) from None
    return dict(message)


def check(shape: Any, value: Any) -> Any:
    """The part of a value that the schema knows, addresses in canonical form; Fault if it is impossible."""
    if shape is True:
        return value
    shape = (shape.get("allOf") or [shape])[0]  # each has one
    if "$ref" in shape:
        name = shape["$ref"].rpartition("/")[2]
        return canonical(value) if name == "Address" else check(SHAPES[name], value)
    for each in shape.get("anyOf", shape.get("oneOf", ())):  # constants, and perhaps what is none of them
        if each.get("const", value) == value:
            return check(each, value)
    good = type(value) is TYPES.get(shape.get("type")) and shape.get("const", value) == value
    if good and isinstance(value, int):
        good = shape.get("minimum", value) <= value <= shape.get("maximum", value)
    elif good and isinstance(value, str):
        good = re.search(shape.get("pattern", ""), value) is not None
    elif good and isinstance(value, list):
        value = [check(shape["items"], each) for each in value]
        once = len(set(value)) if shape.get("uniqueItems") else len(value)
        good = len(value) == once <= shape.get("maxItems", once)
    elif good:
        good = set(shape.get("required", ())) <= set(value)
        inner = {**dict.fromkeys(value, shape.get("additionalProperties")), **shape.get("properties", {})}
        value = {key: check(inner[key], each) for key, each in value.items() if inner[key]}
    expect(good, "invalid_message", f"{str(value)[:50]} is impossible")
    return value


def canonical(address: Any) -> str:
    """The canonical text of an address."""
    expect(isinstance(address, str), "invalid_message", "an address is a text")
    wrong = f"no address: {address[:200]!r}"
    expect(re.fullmatch(SHAPES["Address"]["pattern"], address, re.DOTALL), "invalid_address", wrong)
    if address.startswith("unix:"):
        parts = [part for part in address[5:].split("/") if part not in ("", ".")]
        address = "unix:/" + "/".join(parts)
        good = parts and ".." not in parts and "\0" not in address and len(address[5:].encode()) <= 107
        expect(good, "invalid_address", wrong)
    elif "[" in address:
        before, host, port = re.split(r"[][]", address)
        try:
            ip = ipaddress.IPv6Address(host)
        except ValueError:
            raise Fault("invalid_address", wrong) from None
        address = f"{before}[{f'::ffff:{ip.ipv4_mapped}' if ip.ipv4_mapped else ip}]{port}"
    return f":{address}" if address.isdecimal() else str(address)


def local_address(listener: socket.socket) -> str:
    """The address whose listener it is, as far as the kernel knows."""
    datagrams, local = listener.type == socket.SOCK_DGRAM, listener.getsockname()
    listens = listener.type == socket.SOCK_STREAM and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    forms: dict[int, str] = {socket.AF_UNIX: "unix:{0}", socket.AF_INET: "{0[0]}:{0[1]}"}
    forms[socket.AF_INET6] = "[{0[0]}]:{0[1]}"
    text = forms.get(listener.family, "").format(local)
    return text if listens else f"udp:{text}" if datagrams else ""


class Claim:
    """One claim and what became of it: waiting, withdrawn, held, takingDown, released or refused."""

    def __init__(self, address: str, inherit: bool, more: bool) -> None:
        self.address, self.inherit, self.more, self.since = address, inherit, more, time.monotonic()
        self.state, self.serving, self.takedown = "waiting", False, 0  # `takedown`: the `id` that `released` answers
        self.listener: socket.socket | None = None


class Client:
    """What a program says. Fault if it is impossible: not_held, already_claimed, invalid_address, failed, forked ...

    `phase` is what the arbiter is to say next: greeting, welcome, anything (open); none without a connection.
    """

    def __init__(self, tell: Callable[..., object], bind: Callable[[str], socket.socket], name: str) -> None:
        self.tell, self.bind, self.info = tell, bind, {"name": name, "version": "0.1.0"}
        self.path, self.failed, self.over = os.environ.get("SERVERSWAP_SOCKET", ""), False, ""
        self.claims = dict[str, Claim]()  # the newest of each address
        self.handled, self.drained = set[str](), set[str]()  # whose takedown is handled; let go, not granted again
        self.said = list[dict[str, Any]]()  # `serverUp` and `fail`
        self.avoided: object = None  # the socket whose arbiter will not have this client
        self.phase, self.due, self.poll = "none", 0.0 if self.path else None, select.epoll()
        os.register_at_fork(after_in_child=lambda: self.close("forked"))
        self.process()

    # What a program calls.

    def process(self) -> None:
        """Does what can be done now. What was readable has been acted upon when it returns."""
        if self.phase != "none":
            self.receive()
        if self.due is not None and time.monotonic() >= self.due:
            self.due = None
            if self.phase == "none":
                self.connect()
            else:
                self.tell("warning", code="arbiter_not_responding")

    def ready_for(self, address: str, inherit: bool = True, more: bool = False) -> Claim:
        """Claims an address: `granted` or `refused` is told about what this returns, perhaps `waiting` before."""
        address = self.possible(address)
        before = self.claims.get(address)
        expect(not before or before.state in ("withdrawn", "released", "refused"), "already_claimed", address)
        claim = self.claims[address] = Claim(address, inherit, more)
        if not self.path:
            try:
                claim.listener = self.bind(address) if inherit else None
            except Fault as fault:
                self.refuse(claim, fault.code, str(fault))
            else:
                self.granted(claim)
        elif self.phase == "none":
            self.due, self.avoided = 0.0, None
        self.ask(claim)
        return claim

    def serving(self, address: str) -> None:
        claim = self.claimed(self.possible(address), *HELD)
        if not claim.serving:
            claim.serving = True
            self.say({"type": "serving", "address": claim.address})

    def on_takedown(self, address: str) -> None:
        address = self.possible(address)
        if address not in self.handled:
            self.handled.add(address)
            self.say({"type": "onTakedown", "address": address})

    def released(self, address: str) -> None:
        """Answers the takedown; without one, gives the address up or withdraws the claim."""
        claim = self.claimed(address, "waiting", *HELD)
        if claim.state == "waiting" and self.phase not in ("welcome", "open"):
            return self.refuse(claim, "withdrawn")
        if claim.state in HELD:
            self.drained.add(claim.address)
        if claim.listener:
            claim.listener.close()
        claim.state = "released" if claim.state in HELD else "withdrawn"
        about = {"re": claim.takedown} if claim.takedown else {}
        self.say({"type": "released", **about, "address": claim.address})

    def progress(self, address: str, **fields: int) -> None:
        """How a drain goes: `connections`, `extendMs`. After a reconnect there is no takedown to refer to."""
        claim = self.claimed(address, "takingDown", "released")
        good = 0 <= fields.get("extendMs", 0) <= 86_400_000 and 0 <= fields.get("connections", 0) < 2**53
        expect(good, "invalid_argument")
        if claim.takedown:
            self.say({"type": "progress", "re": claim.takedown, **fields})

    def say_once(self, kind: str, **fields: str) -> None:
        """`serverUp`, or `fail` with a `reason` of 2,048 bytes at most, which is the last word."""
        expect(not self.over, self.over)
        message = {"type": kind}
        for key, text in fields.items():
            message[key] = text.encode("utf-8", "replace")[:2048].decode(errors="ignore")
        if message not in self.said and not self.failed:
            self.failed = kind == "fail"
            self.said.append(message)
            self.say(message)

    def close(self, why: str = "closed") -> None:
        """Drops the connection for good. Listeners stay as they are."""
        if self.phase != "none":
            self.disconnect()
        self.over, self.due = why, None

    def possible(self, address: str) -> str:
        expect(not self.over and not self.failed, self.over or "failed")
        return canonical(address)

    def claimed(self, address: str, *states: str) -> Claim:
        expect(not self.over, self.over)
        claim = self.claims.get(canonical(address))
        if claim is None or claim.state not in states:
            raise Fault("not_held", f"{address} is {claim.state if claim else 'not claimed'}")
        return claim

    # One connection: lines and descriptors, and what happens between two of them.

    def connect(self) -> None:
        self.due = time.monotonic() + RETRY_S
        if self.avoided and self.avoided == self.found():
            return
        self.buffer, self.fds, self.out = b"", list[int](), list[tuple[bytes, list[int]]]()
        self.later, self.asked = list[dict[str, Any]](), dict[int, Claim]()  # after `welcome`; without a reply
        self.last_id, self.heard = 1, 0  # the greatest `id` of each side
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self.socket.connect(self.path)
        except OSError as error:
            self.socket.close()
            for claim in list(self.claims.values()):  # a full backlog is that of an arbiter that does not respond
                late = claim.state == "waiting" and time.monotonic() - claim.since >= LOST_S
                if late and error.errno != errno.EAGAIN:
                    self.refuse(claim, "supervisor_lost", "no arbiter was found in time")
            return
        self.poll.register(self.socket, select.EPOLLIN)
        self.phase, self.due = "greeting", time.monotonic() + PATIENCE_S

    def found(self) -> object:
        """Which socket there is."""
        try:
            status = os.stat(self.path)
            return status.st_ino, status.st_ctime_ns
        except OSError:
            return None

    def disconnect(self) -> None:
        """Closes the connection, and every descriptor that was not taken or not sent."""
        for fd in self.fds + [fd for _, fds in self.out for fd in fds]:
            os.close(fd)
        self.phase, self.fds, self.out = "none", [], []
        self.socket.close()

    def lost(self, code: str = "") -> None:
        """The connection has ended, and with it what was under way on it; `code`: of the fatal error."""
        asked = dict.fromkeys([*self.asked.values(), *self.claims.values()])
        self.due = time.monotonic() + (0 if self.phase == "open" and not code else RETRY_S)
        self.avoided = self.found() if code in FINAL else None
        self.disconnect()
        if code:
            self.tell("lost", code=code)
        for claim in asked:
            claim.since, claim.takedown = time.monotonic(), 0
            if claim.state == "withdrawn" or claim.state == "waiting" and self.failed:
                self.refuse(claim, "withdrawn")
            elif claim.state == "waiting" and code not in ("", "too_many_connections", "exhausted"):
                self.refuse(claim, code)

    def send(self, message: dict[str, Any], listeners: Iterable[socket.socket] = ()) -> None:
        """Queues a line; duplicates of its listeners leave with its first byte."""
        # Not `dup` of the socket: that would make the listener blocking, for the other server as well.
        self.out.append((encode(message), [os.dup(each.fileno()) for each in listeners]))
        if sum(len(line) for line, _ in self.out) > QUEUE_BYTES:
            self.socket.shutdown(socket.SHUT_RD)
        self.flush()

    def flush(self) -> None:
        """Sends what the peer has room for."""
        try:
            while self.out:
                line, fds = self.out[0]
                sent = socket.send_fds(self.socket, [line], fds)
                self.out[:1] = [(line[sent:], [])] if line[sent:] else []
                for fd in fds:
                    os.close(fd)
        except BlockingIOError:
            pass
        except OSError:
            self.socket.shutdown(socket.SHUT_RD)  # what it still holds is read, and then its end
        self.poll.modify(self.socket, select.EPOLLIN | (select.EPOLLOUT if self.out else 0))

    def receive(self) -> None:
        """Acts upon each line that is readable. Its descriptors are the first of those that have arrived."""
        try:
            self.flush()
            while self.phase != "none":
                try:  # not `recv_fds`: it does not look at its flags
                    room = socket.CMSG_SPACE(253 * 4)
                    data, control, flags, _ = self.socket.recvmsg(LINE_BYTES, room, socket.MSG_CMSG_CLOEXEC)
                except BlockingIOError:
                    return
                except OSError:
                    data, control, flags = b"", [], 0
                for _, _, fds in control:
                    self.fds += memoryview(fds)[: len(fds) // 4 * 4].cast("i")
                if not data:
                    return self.lost()
                self.buffer += data
                expect(not flags & socket.MSG_CTRUNC, "descriptor_mismatch", "descriptors were cut off")
                while b"\n" in self.buffer and self.phase != "none":
                    line, _, self.buffer = self.buffer.partition(b"\n")
                    message = parse(line)
                    names = message.get("fds", [])
                    left = len(self.fds) - len(names)
                    expect(left == 0 or left > 0 and self.buffer, "descriptor_mismatch", f"{left} are left over")
                    self.handle(message, dict(zip(names, self.fds)))
                    for fd in self.fds[: len(names)]:  # of what is adopted there is a duplicate
                        os.close(fd)
                    self.fds = self.fds[len(names) :]
                expect(len(self.buffer) < LINE_BYTES or self.phase == "none", "line_too_long")
        except Fault as fault:
            self.send({"type": "error", "code": fault.code, "message": str(fault)[:500], "fatal": True})
            self.lost(fault.code)

    # The conversation.

    def say(self, message: dict[str, Any]) -> None:
        """Sends a line. Before `welcome` it waits; without a connection the next `hello` says it."""
        if self.phase == "welcome":
            self.later.append(message)
        elif self.phase == "open":
            self.send(message)

    def ask(self, claim: Claim) -> None:
        if self.phase in ("welcome", "open"):
            self.last_id += 1
            self.asked[self.last_id] = claim
            mode, more = "inherit" if claim.inherit else "bind", {"more": True} if claim.more else {}
            self.say({"type": "readyFor", "id": self.last_id, "address": claim.address, "socket": mode, **more})

    def granted(self, claim: Claim) -> None:
        claim.state = "held"
        self.drained.discard(claim.address)
        self.tell("granted", claim=claim)

    def refuse(self, claim: Claim, code: str, message: str = "") -> None:
        claim.state = "refused"
        self.tell("refused", claim=claim, code=code, message=message)

    def handle(self, message: dict[str, Any], fds: dict[str, int]) -> None:
        """One line. Fault: the connection is to end with it."""
        kind, asked, about = message["type"], message.get("id", 0), message.get("re", 0)
        known = MESSAGES.get(kind)
        if not known and not asked:
            return
        if asked and (not known or "id" in known["required"]):
            expect(asked > self.heard, "id_reused", f"`id` {asked} after {self.heard}")
            self.heard = asked
        try:
            expect(known, "unknown_type", f"`{kind[:100]}` is not known")
            message = check(known, message)
        except Fault as fault:
            expect(asked, fault.code, str(fault))
            expect(self.phase == "open", "out_of_order", f"`{kind[:100]}` before `welcome`")
            error = {"re": asked, "code": fault.code, "message": str(fault)[:500], "fatal": False}
            return self.say({"type": "error", **error})
        if kind == "error":
            code = message["code"] if message["code"] in CODES else "internal"
            if message.get("fatal"):
                return self.lost(code)
        phase = kind if kind in ("greeting", "welcome") else "open"
        expect(self.phase == phase, "out_of_order", f"`{kind}` is not awaited")
        if kind == "greeting":
            self.hello(message["versions"])
        elif kind == "welcome":
            expect(about == 1, "out_of_order", "`welcome` answers another `id`")
            self.phase, self.due = "open", None
            for each in self.later:
                self.send(each)
        elif kind == "ping":
            self.say({"type": "pong", "re": asked})
        elif kind == "takedown":
            self.take_down(asked, message)
        elif about and kind in ("granted", "progress", "error"):
            expect(about in self.asked, "out_of_order", f"`{kind}` answers {about}, which is not asked")
            claim = self.asked[about] if kind == "progress" else self.asked.pop(about)
            same = message.get("address", claim.address) == claim.address
            expect(same, "out_of_order", "a reply about another address")
            if kind == "error":
                self.refuse(claim, code, message["message"])
            elif kind == "granted":
                self.adopt(claim, fds)
            elif claim.state == "waiting":
                self.tell("waiting", claim=claim, waiting_for=message.get("waitingFor"))

    def hello(self, versions: list[int]) -> None:
        """Says what is held, in as many lines as that takes, and what is to follow the `welcome`."""
        expect(1 in versions, "version_unsupported", f"{versions[:9]} is offered, 1 is spoken")
        line = {"type": "hello", "id": 1, "version": 1, "client": self.info, "role": "server"}
        line["generation"] = os.environ.get("SERVERSWAP_GENERATION", "")
        if self.drained:  # 64 fit a line, whatever characters are in them; the text has no second line for them
            line["draining"] = sorted(self.drained)[:64]
        held = [claim for claim in self.claims.values() if claim.state in HELD]
        longest = max((len(json.dumps(claim.address)) for claim in held), default=1)
        size = min(128, 23_000 // (2 * longest + 60))  # what `draining` leaves of a line
        while line:
            part, held = held[:size], held[size:]
            line["holding"] = [
                {"address": each.address, "serving": each.serving, "onTakedown": each.address in self.handled}
                for each in part
            ]
            listeners = {claim.address: claim.listener for claim in part if claim.listener}
            self.send({**line, "fds": list(listeners), "more": bool(held)}, listeners.values())
            line = {"type": "holding"} if held else {}
        self.phase = "welcome"
        unsaid = self.handled - {claim.address for claim in self.claims.values() if claim.state in HELD}
        self.later = [{"type": "onTakedown", "address": address} for address in sorted(unsaid)]
        for claim in [claim for claim in self.claims.values() if claim.state == "waiting"]:
            self.ask(claim)
        self.later += self.said

    def take_down(self, asked: int, message: dict[str, Any]) -> None:
        claim = self.claims.get(message["address"])
        if not claim or claim.state not in HELD:  # it crossed a `released`
            if claim and claim.state == "released":
                claim.takedown = asked
            return self.say({"type": "released", "re": asked, "address": message["address"]})
        expect(not claim.takedown, "out_of_order", "a second `takedown`")
        told, claim.state, claim.takedown = claim.state == "takingDown", "takingDown", asked
        if not told:  # before a reconnect
            reason = "stopping" if message["reason"] == "stopping" else "replaced"
            self.tell("takedown", claim=claim, reason=reason, drain_ms=message["drainMs"])

    def adopt(self, claim: Claim, fds: dict[str, int]) -> None:
        """What is granted, if the listener is there and is what the text says."""
        expect(("listener" in fds) == claim.inherit, "descriptor_mismatch", "`granted` and its `listener`")
        if claim.state == "withdrawn":
            return self.refuse(claim, "withdrawn")
        if claim.inherit:
            expect(stat.S_ISSOCK(os.fstat(fds["listener"]).st_mode), "invalid_message", "no socket")
            listener = socket.socket(fileno=os.dup(fds["listener"]))
            here = local_address(listener)
            # The socket of every interface: of IPv6, or of IPv4 on a machine without it.
            everywhere = re.sub(r"^(udp:)?(\[::]|0\.0\.0\.0):", r"\1:", here)
            expect(claim.address in (here, everywhere), "invalid_message", f"a listener of {here or 'nothing'}")
            listener.setblocking(False)  # as it was for the other servers that share it
            claim.listener = listener
        self.granted(claim)
