"""What no answer ends is told goodbye in a drain, one after the other."""

import asyncio
import socket
import time

import pytest
from serverswap._drain import Limits
from serverswap._goodbyes import Goodbyes, LivingConnection, is_event_stream
from support.programs import program


AIOHTTP = """
import asyncio, os
from aiohttp import web
import serverswap.aiohttp

async def websocket(request):
    answer = web.WebSocketResponse()
    await answer.prepare(request)
    async for _ in answer:
        pass
    return answer

async def events(request):
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(b"data: hello\\n\\n")
    for _ in range(40 if request.path == "/flow" else 0):
        await asyncio.sleep(0.05)
        await answer.write(b"data: more\\n\\n")
    if request.path != "/flow":
        await asyncio.Event().wait()
    return answer

app = web.Application()
app.add_routes([web.get("/ws", websocket), web.get("/events", events), web.post("/{any}", events)])
serverswap.aiohttp.run_app(app, os.environ["ADDRESS"], drain_timeout=LIMIT)
"""

UVICORN = """
import asyncio, os, serverswap.uvicorn

async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
    elif scope["type"] == "http":
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: hello\\n\\n", "more_body": True})
        for _ in range(40 if scope["path"] == "/flow" else 0):
            await asyncio.sleep(0.05)
            await send({"type": "http.response.body", "body": b"data: more\\n\\n", "more_body": True})
        if scope["path"] == "/flow":
            await send({"type": "http.response.body", "body": b""})
            return
        while (await receive())["type"] != "http.disconnect":
            pass

serverswap.uvicorn.run(app, os.environ["ADDRESS"], drain_timeout=LIMIT, log_level="warning", http="HTTP")
"""

STREAMS = """
import asyncio, os, serverswap.aio

async def answer(reader, writer):
    await reader.readline()
    writer.write(b"hello\\r\\n\\r\\n")
    await reader.read()

def goodbye(connection):
    connection.request.write(b"bye")
    connection.end()

asyncio.run(serverswap.aio.StreamServer(answer, os.environ["ADDRESS"], goodbye=goodbye).serve())
"""

SERVERS = {
    "aiohttp": AIOHTTP,
    "uvicorn, h11": UVICORN.replace("HTTP", "h11"),
    "uvicorn, httptools": UVICORN.replace("HTTP", "httptools"),
}


class Client:
    """Sends a request, reads the head of its answer, and later the rest."""

    def __init__(self, port, request):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.sendall(request)
        self._file = self._socket.makefile("rb")
        while self._file.readline().strip():
            pass

    def reads(self, size):
        """So many bytes; then it closes the connection."""
        with self._socket, self._file:
            return self._file.read(size)

    def reads_answer(self):
        """The rest of an answer in chunks, whole; then it closes the connection."""
        with self._socket, self._file:
            chunks = []
            while size := int(self._file.readline(), 16):
                chunks.append(self._file.read(size + 2))
            return b"".join(chunks)

    def rest(self):
        """Until the server closes the connection."""
        return self.reads(-1)


def event_source(port):
    return Client(port, b"GET /events HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n")


def asks_for(port, path):
    return Client(port, b"POST " + path.encode() + b" HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")


def websocket(port):
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    return Client(port, b"GET /ws HTTP/1.1\r\nHost: test\r\n" + upgrade + key + b"\r\n")


@pytest.mark.parametrize("name", SERVERS)
def test_event_streams_end_and_websockets_are_closed_with_1012(world, port, name):
    command = program(SERVERS[name].replace("LIMIT", "2"))
    old = world.first(command, port)
    streams, websockets = [event_source(port), event_source(port)], [websocket(port), websocket(port)]
    world.swap(command, port, old)
    for each in streams:
        assert each.rest() == b"d\r\ndata: hello\n\n\r\n0\r\n\r\n"
    for each in websockets:
        frame = each.reads(4)
        assert (frame[0], frame[2:4]) == (0x88, bytes(divmod(1012, 256)))
    assert old.exit() == 0, old.output


@pytest.mark.parametrize("name", ["aiohttp", "uvicorn, h11"])
def test_an_answer_that_flows_lives_on_and_a_silent_one_does_not(world, port, name):
    limits = ["--drain-timeout", "1s", "--drain-stream-timeout", "60s"]
    command = [*limits, *program(SERVERS[name].replace("LIMIT", "None"))]
    old = world.first(command, port)
    flowing, silent = asks_for(port, "/flow"), asks_for(port, "/silent")
    world.swap(command, port, old)
    assert not silent.rest().endswith(b"0\r\n\r\n")
    assert flowing.reads_answer().count(b"data: more") == 40
    assert old.exit() == 0, old.output


def test_the_program_says_goodbye_on_the_connections_of_a_server_of_streams(world, port):
    command = program(STREAMS)
    old = world.first(command, port)
    clients = [Client(port, b"hello\n"), Client(port, b"hello\n")]
    world.swap(command, port, old)
    assert [each.rest() for each in clients] == [b"bye", b"bye"]
    assert old.exit() == 0, old.output


class Living:
    """A stand-in of a connection, silent for so long."""

    def __init__(self, name, silent, kind="websocket", is_open=True):
        since = time.monotonic() - silent
        self.connection = LivingConnection(
            kind, name, key=name, silent_since=lambda: since, is_open=lambda: is_open, end=lambda: None
        )


def told(living, count, goodbye=True):
    """The names of those that are told, in their order."""

    async def run():
        names, over = [], asyncio.Event()

        def say(connection):
            names.append(connection.request)
            if len(names) == count:
                over.set()

        found = [each.connection for each in living]
        goodbyes = Goodbyes(lambda: found, say, limits=Limits(None, 1))
        await asyncio.wait_for(over.wait(), 30)
        goodbyes.stop()
        return names

    return asyncio.run(run())


def test_those_that_are_silent_are_told_first_and_each_once():
    living = [Living("chats", 0), Living("idle", 60), Living("idle for long", 600), Living("slow", 1)]
    assert told(living, 4) == ["idle for long", "idle", "slow", "chats"]


def test_a_response_that_flows_is_not_told_and_neither_is_what_has_ended():
    flows = Living("flows", -60, kind="event-stream")
    ended = Living("ended", 60, is_open=False)
    assert told([flows, ended, Living("silent", 60, kind="event-stream")], 1) == ["silent"]


def test_an_event_source_asks_with_get_and_accepts_events():
    assert is_event_stream("GET", "text/event-stream", "text/event-stream; charset=utf-8")
    assert not is_event_stream("POST", "text/event-stream", "text/event-stream")
    assert not is_event_stream("GET", "*/*", "text/event-stream")
    assert not is_event_stream("GET", "text/event-stream", "text/html")
