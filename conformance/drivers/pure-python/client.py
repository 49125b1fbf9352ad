"""A server's client of the serverswap protocol, version 1: plain Python, written from spec/README.md alone.

One thread, no call that blocks: `process()` when `link.socket` is readable, or writable while `link.full`, and
every 0.1 s unless `link.state` is open. Then take from `events` what has happened, each with its claim:
progress, granted, takedown, error; without a claim the error that has ended a link, or a warning."""
import itertools, math, os, time
from socket import socket
from typing import Any

from listeners import adopted
from lines import HEARD, Fault, Message, encode, expect, fits
from link import Link
from tables import CODES, look, with_known_values

LOST_S, PATIENCE_S, REST_S = 10, 5, 1
OPEN = ("claimed", "granted", "serving", "takingDown")

class Claim:
    """A claim and what became of it. `address`: as the program says it, and from the grant on as that does. `takedown`: the `id` of the last one, 0 if it was on an earlier link."""
    table, state, serving = "client-address", "none", False
    takedown: int | None = None
    listener: socket | None = None

    def __init__(self, message: Message) -> None:
        self.message, self.since = message, time.monotonic()
        self.text, self.address, self.id = message.get("address", ""), message.get("address", ""), message.get("id", 0)

class Client:
    """The server as a whole: what it says, and what it hears on one connection after another."""
    table, state, over, seen, rests_until = "client-server", "starting", "", 0.0, 0.0

    def __init__(self, name: str, version: str) -> None:
        self.info, self.path = {"name": name, "version": version}, os.environ.get("SERVERSWAP_SOCKET", "")
        self.claims, self.ids, self.said = list[Claim](), itertools.count(2), list[Message]()
        self.link, self.events = Link(), list[tuple[Message, Claim | None]]()
        os.register_at_fork(after_in_child=lambda: self.close("forked"))
        self.process()

    def close(self, why: str = "closed") -> None:
        """Drops the connection, for good if there is a reason to. Listeners stay as they are."""
        self.over = why
        self.link.close()

    def process(self) -> None:
        """Does what can be done now; what was readable has been acted upon when it returns."""
        expect(not self.over, self.over, "the client is not used any more")
        try:
            if self.link.state == "closed":
                self.connect()
            self.seen = time.monotonic()
            while True:
                for message in self.link.receive():
                    self.hear(message, self.link)
        except BlockingIOError:  # everything was read; or nobody accepts, and the backlog is full
            self.link.flush()
        except Fault as fault:
            self.lost(*fault.args)
        except OSError as error:
            self.lost("supervisor_lost", str(error))
        if time.monotonic() - self.link.since >= PATIENCE_S:
            self.link.since = math.inf
            self.events.append(({"type": "warning", "code": "arbiter_not_responding"}, None))

    def connect(self) -> None:
        expect(time.monotonic() >= self.rests_until, "supervisor_lost", "a fatal error has just ended a link")
        self.close("")
        self.link = Link()
        self.link.socket.connect(self.path)
        self.link.state, self.link.since = "connected", time.monotonic()

    def lost(self, code: str, why: str) -> None:
        """There is no link. `code`: of the fatal error of either side that ended it; or `supervisor_lost`."""
        if code in CODES:
            self.link.out, self.rests_until = [], time.monotonic() + REST_S
            self.link.send({"type": "error", "code": code, "message": why[:500], "fatal": True})
            self.events.append(({"type": "error", "code": code, "message": why}, None))
        self.close("")
        for claim in self.claims:
            late = code in CODES or time.monotonic() - max(claim.since, self.seen) >= LOST_S
            if claim.state == "takingDown":  # the next arbiter begins it again
                claim.state = "serving" if claim.serving else "granted"
            elif claim.state == "withdrawing" or claim.state == "claimed" and self.state == "failed":
                self.refuse(claim, "withdrawn", why)
            elif claim.state == "claimed" and late and code not in ("too_many_connections", "exhausted"):
                self.refuse(claim, code, why)
            claim.takedown = claim.takedown and 0

    def refuse(self, claim: Claim, code: str, why: str) -> None:
        claim.state = "none"
        self.events.append(({"type": "error", "code": code, "message": why}, claim))

    def find(self, key: str, value: object) -> Claim:
        """The newest claim of an address or of a program's text for it, or that whose request has an `id`."""
        return next((claim for claim in reversed(self.claims) if getattr(claim, key) == value), Claim({}))

    def of(self, address: str) -> Claim:
        """The claim that a program means by an address."""
        claim = self.find("text", address)
        return claim if claim.text else self.find("address", address)

    def say(self, kind: str, address: str = "", **fields: Any) -> Claim:
        """Says it as soon as it may leave. Fault: `never` by the tables, closed, forked."""
        expect(not self.over, self.over, "the client is not used any more")
        claim = self.of(address)
        about = {} if kind in ("serverUp", "fail") else {"address": claim.address or address}
        if kind == "progress" and claim.takedown == 0:
            return claim  # on this link there is no takedown to refer to
        if kind == "progress" or kind == "released" and claim.state == "takingDown":
            fields["re"] = claim.takedown
        expect(0 <= (fields.get("extendMs") or 0) <= 86_400_000, "invalid_argument", "`extendMs` over a day")
        if kind == "fail":
            fields["reason"] = fields["reason"].encode("utf-8", "replace")[:2048].decode(errors="ignore")
        message = {"type": kind, **({} if kind == "progress" else about), **fields}
        machine, cell = look("send", message, self, claim)
        expect("never" not in cell and not (kind == "serving" and claim.serving), "never", f"`{kind}` when {machine.state}")
        if kind == "readyFor":
            expect(sum(each.state in OPEN for each in self.claims) < 128, "exhausted", "128 addresses are the most")
            message["id"] = next(self.ids)
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
        self.link.send(message)
        return claim

    def hear(self, message: Message, link: Link) -> None:
        """Does with a line what the tables say. Fault: the connection is to end with it."""
        kind = message["type"]
        is_request = kind not in HEARD or "id" in HEARD[kind]["required"]
        asked = message.get("id", 0) if is_request else 0
        if kind not in HEARD and not asked:
            return
        expect(not asked or asked > link.heard, "id_reused", f"`id` {asked} after {link.heard}")
        link.heard = asked or link.heard
        try:
            expect(kind in HEARD, "unknown_type", f"`{kind[:100]}` is not known")
            expect(fits(HEARD[kind], message), "invalid_message", f"an impossible `{kind}`")
        except Fault as fault:
            expect(asked, *fault.args)
            expect(link.state == "open", "out_of_order", f"`{kind[:100]}` before the `welcome`")
            code, why = fault.args
            return self.link.send({"type": "error", "re": asked, "code": code, "message": why, "fatal": False})
        message = with_known_values(message)
        claim = self.find("address", message["address"]) if kind == "takedown" else self.find("id", message.get("re"))
        machine, cell = look("receive", message, link, self, claim)
        legal = "close" not in cell and not (machine is claim and "ignore" in cell)  # a reply to nothing
        matches = kind != "welcome" or (message["re"], message["version"]) == (1, 1)
        expect(legal and matches, "out_of_order", f"`{kind}` when {machine.state}")
        if kind == "granted":
            claim.address = message["address"]
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
            self.link.send({"type": cell["reply"].partition("+")[0], "re": asked, "address": message.get("address")})
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
            claim.listener = adopted(self.link.fds[0], claim.address)

    def hello(self, versions: list[int]) -> None:
        """Says what is held, and then what is under way."""
        expect(1 in versions, "version_unsupported", f"{versions[:9]} is offered, 1 is spoken")
        held = [claim for claim in self.claims if claim.state in ("granted", "serving")]
        listed = {text for claim in held for text in (claim.text, claim.address)}
        handled = [message["address"] for message in self.said if message["type"] == "onTakedown"]
        line: Message = {"type": "hello", "id": 1, "version": 1, "client": self.info, "role": "server"}
        line["generation"] = os.environ.get("SERVERSWAP_GENERATION")
        line["draining"] = [claim.address for claim in self.claims if claim.state == "released"][:32]
        line["holding"] = [{"address": each.address, "serving": each.serving} for each in held]
        for each, entry in zip(held, line["holding"]):
            entry["onTakedown"] = bool({each.text, each.address} & set(handled))
        line["fds"] = [each.address for each in held if each.listener]
        self.link.out = []
        self.link.send(line, [each.listener for each in held if each.listener])
        for message in [claim.message for claim in self.claims if claim.state == "claimed"] + self.said:
            if message.get("address") not in listed:
                self.link.send(message)
