"""A server's client of the serverswap protocol, version 1: plain Python, written from spec/README.md alone.

It interprets spec/v1: states.json says what may be said and what follows from what is heard, the schema how
messages look. One thread, no call that blocks: `process()` when `link.socket` is readable, or writable while
`link.full`, and every 0.1 s unless `link.state` is open. Then take from `events` what has happened: progress,
granted, takedown or error of a claim; without a claim the error that has ended a link, or a warning.
"""
import ipaddress, itertools, json, math, os, pathlib, re, socket, stat, time
from typing import Any, Sequence

Message = dict[str, Any]
V1 = pathlib.Path(__file__).resolve().parents[3] / "spec/v1"
TABLES = {each["id"]: each["cells"] for each in json.loads((V1 / "states.json").read_bytes())["machines"]}
ERRORS = json.loads((V1 / "meta.json").read_bytes())["errors"]
RETRY = {each["code"]: each["retry"] for each in ERRORS if each["sender"] != "library"}
SHAPES = json.loads((V1 / "schema/arbiter-to-client.json").read_bytes())["$defs"]
UNKNOWN = SHAPES.pop("UnknownMessage")  # the keys that are reserved in every message
HEARD = {shape["title"]: shape for shape in SHAPES.values() if "title" in shape}
ADDRESS = SHAPES["Address"].pop("pattern")  # what breaks it has a code of its own
OPEN = {"code": "internal", "reason": "replaced"}  # what an unknown value of an open enum is read as
KNOWN = {each.get("const") for name in ("Code", "TakedownReason") for each in SHAPES[name]["anyOf"]}
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
LINE_BYTES, QUEUE_BYTES, LOST_S, PATIENCE_S = 65536, 1 << 20, 10, 5

class Fault(ValueError):
    """What the other side, or the program, did wrong: a code for programs, and words for people."""

def expect(truth: object, code: str, why: str) -> None:
    if not truth:
        raise Fault(code, why)

def encode(message: Message) -> bytes:
    known = {key: value for key, value in message.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"

def parse(line: bytes) -> Message:
    """The object of a line without its line feed; what its reserved keys say is possible."""
    def unique(pairs: list[tuple[str, Any]]) -> Message:
        expect(len(dict(pairs)) == len(pairs), "malformed_line", "a key twice")
        return dict(pairs)
    def whole(digits: str) -> int:
        expect(abs(int(digits)) < 2**53, "malformed_line", "a number beyond 2^53 - 1")
        return int(digits)
    expect(len(line) < LINE_BYTES, "line_too_long", "a line of more than 65,536 bytes")
    try:
        bare = re.sub(rb'"(\\.|[^"\\])*"?', b"", line)  # without the texts in it
        depths = itertools.accumulate((byte in b"[{") - (byte in b"]}") for byte in bare)
        expect(max(depths, default=0) <= 16, "malformed_line", "nested too deep")
        message = json.loads(line.decode(), object_pairs_hook=unique, parse_int=whole, parse_constant=int)
        expect(fits(UNKNOWN, message), "malformed_line", "no object, or impossible reserved keys")
        encode(message)  # no half of a surrogate pair, no 1e999
    except ValueError as error:
        raise Fault("malformed_line", str(error)) from None
    return dict(message)

def fits(shape: Any, value: Any) -> bool:
    """Whether a value is possible by the schema, which says nothing about keys that it does not know."""
    if "allOf" in shape:
        return fits(SHAPES[shape["allOf"][0]["$ref"].rpartition("/")[2]], value)
    texts = [each.get("const", value) for each in shape.get("oneOf") or shape.get("anyOf") or [shape]]
    if type(value) is not TYPES[shape.get("type", "string")] or value not in texts:
        return False
    if isinstance(value, dict):
        known = shape.get("properties") or dict.fromkeys(value, shape.get("additionalProperties"))
        inside = all(fits(known[key], value[key]) for key in value if isinstance(known.get(key), dict))
        return inside and value.keys() >= set(shape.get("required", ()))
    if isinstance(value, list):
        inside = all(fits(shape["items"], each) for each in value)
        return inside and ("uniqueItems" not in shape or len(set(value)) == len(value) <= shape["maxItems"])
    bounds = shape.get("minimum", value) <= value <= shape.get("maximum", value)
    return bounds and re.fullmatch(shape.get("pattern", "(?s).*"), str(value)) is not None

def canonical(address: str) -> str:
    """The canonical text of an address; Fault if it is none."""
    try:
        expect(re.fullmatch(ADDRESS, address, re.DOTALL), "", "")
        if address.startswith("unix:"):
            address = re.sub(r"/(\.?(/|\Z))+", "/", address).rstrip("/")
            expect(5 < len(address.encode()) <= 112 and not re.search(r"\0|/\.\.(/|\Z)", address), "", "")
        elif "[" in address:
            before, host, port = re.split(r"[][]", address)
            ip = ipaddress.IPv6Address(host)
            address = f"{before}[{f'::ffff:{ip.ipv4_mapped}' if ip.ipv4_mapped else ip}]{port}"
    except ValueError:
        raise Fault("invalid_address", f"no address: {address[:200]!r}") from None
    return f":{address}" if address.isdecimal() else address

def look(way: str, message: Message, *machines: Any) -> tuple[Any, Message]:
    """The cell of the tables for a message, and the machine whose it is: a link, the client or a claim."""
    kind = message["type"]
    names = [f"{kind}+{key}" for key in ("more", "fatal", "re") if message.get(key)] + [kind]
    for machine in machines:
        cells = TABLES[machine.table][machine.state][way]
        cell = next(cells[key] for name in names for key in cells if name in key.split())
        if "delegate" not in cell:
            break
    return machine, cell

class Claim:
    """A claim and what became of it. `takedown`: the `id` of the last one, 0 if it was on an earlier link."""
    table, state, serving = "client-address", "none", False
    takedown: int | None = None
    listener: socket.socket | None = None

    def __init__(self, message: Message) -> None:
        self.message, self.since = message, time.monotonic()
        self.address, self.id = message.get("address", ""), message.get("id", 0)

class Link:
    """A connection: what was read of a line that is not complete, and the lines that wait to leave."""
    table, state, heard, buffer, since, full = "client-connection", "closed", 0, b"", math.inf, False

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.fds, self.out = list[int](), list[tuple[Message, bytes, Sequence[Any]]]()

class Client:
    """The server as a whole: what it says, and what it hears on one connection after another."""
    table, state, over, seen, found, avoided = "client-server", "starting", "", 0.0, (0, 0), (0, 0)

    def __init__(self, name: str, version: str) -> None:
        self.info, self.path = {"name": name, "version": version}, os.environ.get("SERVERSWAP_SOCKET", "")
        self.claims, self.ids, self.said = list[Claim](), itertools.count(2), list[Message]()
        self.link, self.events = Link(), list[tuple[Message, Claim | None]]()
        os.register_at_fork(after_in_child=lambda: self.close("forked"))
        self.process()

    def close(self, why: str = "closed") -> None:
        """Drops the connection, for good if there is a reason to. Listeners stay as they are."""
        self.over, self.link.state, self.link.out = why, "closed", []
        self.link.socket.close()
        while self.link.fds:
            os.close(self.link.fds.pop())

    def process(self) -> None:
        """Does what can be done now; what was readable has been acted upon when it returns."""
        expect(not self.over, self.over, "the client is not used any more")
        try:
            if self.link.state == "closed":
                self.connect()
            self.seen = time.monotonic()
            while True:
                self.receive(self.link)
        except BlockingIOError:  # everything was read; or nobody accepts, and the backlog is full
            self.flush()
        except Fault as fault:
            self.lost(*fault.args)
        except OSError as error:
            self.lost("supervisor_lost", str(error))
        if time.monotonic() - self.link.since >= PATIENCE_S:
            self.link.since = math.inf
            self.events.append(({"type": "warning", "code": "arbiter_not_responding"}, None))

    def connect(self) -> None:
        self.close("")
        self.link, status = Link(), os.stat(self.path)
        self.found = status.st_ino, status.st_ctime_ns
        expect(self.found != self.avoided, "supervisor_lost", "its arbiter will not have this client")
        self.link.socket.connect(self.path)
        self.link.state, self.link.since = "connected", time.monotonic()

    def receive(self, link: Link) -> None:
        """Acts upon the lines that one read completes. The descriptors of a line are the first of `fds`."""
        room = socket.CMSG_SPACE(253 * 4)  # not `recv_fds`: it does not look at its flags
        data, control, flags, _ = link.socket.recvmsg(LINE_BYTES, room, socket.MSG_CMSG_CLOEXEC)
        for _, _, fds in control:
            link.fds += memoryview(fds)[: len(fds) // 4 * 4].cast("i")
        expect(data, "supervisor_lost", "the connection has ended")
        expect(not flags & socket.MSG_CTRUNC, "descriptor_mismatch", "descriptors were cut off")
        link.buffer += data
        while b"\n" in link.buffer:
            line, _, link.buffer = link.buffer.partition(b"\n")
            message = parse(line)
            left = len(link.fds) - len(message.get("fds", ()))
            expect(left == 0 or left > 0 and link.buffer, "descriptor_mismatch", f"{left} are left over")
            self.hear(message, link)
            while len(link.fds) > left:  # nobody has taken it
                os.close(link.fds.pop(0))
        expect(len(link.buffer) < LINE_BYTES, "line_too_long", "a line of more than 65,536 bytes")

    def send(self, message: Message, listeners: Sequence[Any] = ()) -> None:
        self.link.out.append((message, encode(message), listeners))
        self.flush()

    def flush(self) -> None:
        """Sends what the table lets leave and the peer has room for, listeners with a line's first byte."""
        link, self.link.full = self.link, False
        try:
            while link.out and "never" not in (cell := look("send", link.out[0][0], link)[1]):
                message, line, listeners = link.out[0]
                sent = socket.send_fds(link.socket, [line], [each.fileno() for each in listeners])
                link.out[:1] = [(message, line[sent:], ())] if line[sent:] else []
                link.state = link.state if line[sent:] else cell.get("next", link.state)
        except OSError as error:
            link.full = isinstance(error, BlockingIOError)
            if not link.full or sum(len(line) for _, line, _ in link.out) > QUEUE_BYTES:
                link.socket.shutdown(socket.SHUT_RD)  # what it still holds is read, and then its end

    def lost(self, code: str, why: str) -> None:
        """There is no link. `code`: of the fatal error of either side that ended it; or `supervisor_lost`."""
        if code in RETRY:
            self.link.out = []
            self.send({"type": "error", "code": code, "message": why[:500], "fatal": True})
            self.avoided = self.found if RETRY[code] == "never" else self.avoided
            self.events.append(({"type": "error", "code": code, "message": why}, None))
        self.close("")
        for claim in self.claims:
            late = code in RETRY or time.monotonic() - max(claim.since, self.seen) >= LOST_S
            if claim.state == "takingDown":  # the next arbiter begins it again
                claim.state = "serving" if claim.serving else "granted"
            elif claim.state == "withdrawing" or claim.state == "claimed" and self.state == "failed":
                self.refuse(claim, "withdrawn", why)
            elif claim.state == "claimed" and late and code not in ("too_many_connections", "exhausted"):
                self.refuse(claim, code, why)
            claim.takedown = claim.takedown and 0

    def refuse(self, claim: Claim, code: str, why: str) -> None:
        claim.state = "none"
        if claim.listener:
            claim.listener.close()
        self.events.append(({"type": "error", "code": code, "message": why}, claim))

    def find(self, key: str, value: object) -> Claim:
        """The newest claim of an address, or that whose request has an `id`."""
        return next((claim for claim in reversed(self.claims) if getattr(claim, key) == value), Claim({}))

    def say(self, kind: str, address: str = "", **fields: Any) -> Claim:
        """Says it as soon as it may leave. Fault: `never` by the tables, invalid_address, closed, forked."""
        expect(not self.over, self.over, "the client is not used any more")
        about = {} if kind in ("serverUp", "fail") else {"address": canonical(address)}
        claim = self.find("address", about.get("address"))
        if kind == "progress" and claim.takedown == 0:
            return claim  # on this link there is no takedown to refer to
        if kind == "progress" or kind == "released" and claim.state == "takingDown":
            fields["re"] = claim.takedown
        expect(0 <= (fields.get("extendMs") or 0) <= 86_400_000, "invalid_argument", "`extendMs` over a day")
        if kind == "fail":
            fields["reason"] = fields["reason"].encode("utf-8", "replace")[:2048].decode(errors="ignore")
        message = {"type": kind, **({} if kind == "progress" else about), **fields}
        machine, cell = look("send", message, self, claim)
        never = "never" in cell or kind == "serving" and claim.serving
        expect(not never, "never", f"`{kind}` when {machine.state}")
        if kind == "readyFor":
            message["id"], self.avoided = next(self.ids), (0, 0)
            self.claims = [each for each in self.claims if each is not claim or each.state == "withdrawing"]
            claim = machine = Claim(message)
            self.claims.append(claim)
        machine.state, claim.serving = cell["next"], claim.serving or kind == "serving"
        if kind == "released" and claim.listener:
            claim.listener.close()
        if kind in ("onTakedown", "serverUp", "fail") and message not in self.said:
            self.said.append(message)
        if claim.state == "withdrawing" and self.link.state not in ("negotiating", "open"):
            self.refuse(claim, "withdrawn", "before anybody was asked")
        self.send(message)
        return claim

    def hear(self, message: Message, link: Link) -> None:
        """Does with a line what the tables say. Fault: the connection is to end with it."""
        kind, asked = message["type"], message.get("id", 0)
        if kind not in HEARD and not asked:
            return
        expect(not asked or asked > link.heard, "id_reused", f"`id` {asked} after {link.heard}")
        link.heard = asked or link.heard
        try:
            expect(kind in HEARD, "unknown_type", f"`{kind[:100]}` is not known")
            expect(fits(HEARD[kind], message), "invalid_message", f"an impossible `{kind}`")
            address = canonical(message["address"]) if "address" in message else None
        except Fault as fault:
            expect(asked, *fault.args)
            expect(link.state == "open", "out_of_order", f"`{kind[:100]}` before the `welcome`")
            code, why = fault.args
            return self.send({"type": "error", "re": asked, "code": code, "message": why, "fatal": False})
        message |= {key: OPEN[key] for key in OPEN.keys() & message.keys() if message[key] not in KNOWN}
        claim = self.find("address", address) if kind == "takedown" else self.find("id", message.get("re"))
        machine, cell = look("receive", message, link, self, claim)
        legal = "close" not in cell and not (machine is claim and "ignore" in cell)  # a reply to nothing
        matches = {"granted": address == claim.address, "welcome": message.get("re") == 1}.get(kind, True)
        expect(legal and matches, "out_of_order", f"`{kind}` when {machine.state}")
        if kind == "granted":
            self.adopt(claim, message.get("fds", []))
        machine.state = cell.get("next", machine.state)
        told = kind == "takedown" and claim.takedown is not None  # on an earlier link
        if kind == "takedown" and claim.state in ("takingDown", "released"):
            claim.takedown = asked
        if kind == "greeting":
            self.hello(message["versions"])
        elif kind == "welcome":
            link.since = math.inf
        elif kind in ("ping", "takedown") and "reply" in cell:
            self.send({"type": cell["reply"].partition("+")[0], "re": asked, "address": address})
        elif link.state == "closed":
            raise Fault(message["code"], message["message"])
        elif machine is claim and claim.state == "none":
            self.refuse(claim, message.get("code", "withdrawn"), message.get("message", "not taken"))
        elif machine is claim and not told:
            self.events.append((message, claim))

    def adopt(self, claim: Claim, names: list[str]) -> None:
        """Takes the listener of a grant, if it is there and is that of the address, as the kernel says."""
        wanted = ["listener"] if claim.message["socket"] == "inherit" else []
        expect(names == wanted, "descriptor_mismatch", "`granted` and its `listener`")
        if wanted and claim.state == "claimed":
            expect(stat.S_ISSOCK(os.fstat(self.link.fds[0]).st_mode), "invalid_message", "no socket")
            claim.listener = listener = socket.socket(fileno=self.link.fds.pop(0))
            forms = {socket.AF_UNIX: "unix:{0}", socket.AF_INET6: "[{0[0]}]:{0[1]}"}
            here = forms.get(listener.family, "{0[0]}:{0[1]}").format(listener.getsockname())
            listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            here = f"udp:{here}" if listener.type == socket.SOCK_DGRAM else here if listens else ""
            everywhere = re.sub(r"^(udp:)?(\[::]|0\.0\.0\.0):", r"\1:", here)  # `:8080`; without IPv6 on IPv4
            expect(claim.address in (here, everywhere), "invalid_message", f"a listener of `{here}`")
            listener.setblocking(False)  # as it was for the other servers that share it

    def hello(self, versions: list[int]) -> None:
        """Says what is held, in as many lines as that takes, and what is to follow the `welcome`."""
        expect(1 in versions, "version_unsupported", f"{versions[:9]} is offered, 1 is spoken")
        held = [claim for claim in self.claims if claim.state in ("granted", "serving")]
        handled = [message["address"] for message in self.said if message["type"] == "onTakedown"]
        listed = {claim.address: claim.address in handled for claim in held}
        size = min(128, 20_000 // max([30 + len(encode({"": address})) for address in listed], default=128))
        line: Message = {"type": "hello", "id": 1, "version": 1, "client": self.info, "role": "server"}
        line["generation"] = os.environ.get("SERVERSWAP_GENERATION")
        line["draining"] = [claim.address for claim in self.claims if claim.state == "released"][:32]
        self.link.out = []
        while line:
            part, held = held[:size], held[size:]
            line["holding"] = [{"address": each.address, "serving": each.serving} for each in part]
            for entry in line["holding"]:
                entry["onTakedown"] = listed[entry["address"]]
            line["fds"], line["more"] = [each.address for each in part if each.listener], bool(held)
            self.send(line, [each.listener for each in part if each.listener])
            line = {"type": "holding"} if held else {}
        for message in [claim.message for claim in self.claims if claim.state == "claimed"] + self.said:
            if message.get("address") not in listed:
                self.send(message)
