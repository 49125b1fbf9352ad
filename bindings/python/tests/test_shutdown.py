"""What an application does at its end is done: while connections drain, when a request outlasts that, when it was never served."""

import asyncio
import contextlib
import os

import pytest
import serverswap
import serverswap.uvicorn
import uvicorn
from support.http import Connection, ask
from support.programs import program, python, with_lowest
from support.world import has_stopped_listening

AIOHTTP = """
import asyncio, os, serverswap.aiohttp
from aiohttp import web

async def slow(request):
    try:
        await asyncio.Event().wait()
    finally:
        print("cut")

async def socket(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    request.app["sockets"].append(ws)
    async for message in ws:
        pass
    return ws

async def close_sockets(app):
    print("on_shutdown")
    for ws in app["sockets"]:
        await ws.close(code=1012)

async def clean_up(app):
    await asyncio.sleep(0)
    print("on_cleanup")

app = web.Application()
app["sockets"] = []
app.router.add_get("/", slow)
app.router.add_get("/socket", socket)
app.on_shutdown.append(close_sockets)
app.on_cleanup.append(clean_up)
serverswap.aiohttp.run_app(app, os.environ["ADDRESS"], drain_timeout=float(os.environ["DRAIN"]))
print("end")
"""

UVICORN = """
import asyncio, os, serverswap.uvicorn

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("on_cleanup")
        await send({"type": "lifespan.shutdown.complete"})
        return
    try:
        await asyncio.Event().wait()
    finally:
        print("cut")

serverswap.uvicorn.run(app, os.environ["ADDRESS"], drain_timeout=float(os.environ["DRAIN"]), log_level="warning")
print("end")
"""

STREAMS = """
import asyncio, os
from serverswap.aio import StreamServer

async def stubborn(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    while not finished.is_set():
        try:
            await finished.wait()
        except asyncio.CancelledError:
            print("cut")

async def main():
    global finished
    finished = asyncio.Event()
    await StreamServer(stubborn, os.environ["ADDRESS"], drain_timeout=float(os.environ["DRAIN"])).serve()
    print("on_cleanup")
    finished.set()

asyncio.run(main())
print("end")
"""

UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


PROGRAMS = {
    "aiohttp": lambda: program(AIOHTTP),
    "aiohttp 3.9.0": lambda: with_lowest("aiohttp==3.9.0", program(AIOHTTP)),
    "uvicorn": lambda: program(UVICORN),
    "uvicorn 0.23.2": lambda: with_lowest("uvicorn==0.23.2", program(UVICORN)),
    "asyncio": lambda: program(STREAMS),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_request_that_outlasts_the_drain_is_cut_and_the_application_shut_down(world, port, name):
    old = world.deploy(PROGRAMS[name](), ADDRESS=f":{port}", DRAIN="1")
    old.prints("up after")
    with Connection(port) as connection:
        connection.request()
        new = world.deploy(python("http_server.py"), ADDRESS=f":{port}", VERSION="2")
        new.prints("up after")
        assert old.exit() == 0, old.output
    said = [line for line in old.output.splitlines() if line in ("cut", "on_cleanup", "end")]
    assert said == ["cut", "on_cleanup", "end"]
    assert "TERM" not in old.output


def test_websockets_that_on_shutdown_closes_hold_up_no_drain_of_aiohttp(world, port):
    old = world.deploy(["--drain-timeout", "1h", *program(AIOHTTP)], ADDRESS=f":{port}", DRAIN="1000")
    old.prints("up after")
    with Connection(port) as connection:
        connection.socket.sendall(UPGRADE)
        assert connection.socket.recv(12) == b"HTTP/1.1 101"
        new = world.deploy(python("http_server.py"), ADDRESS=f":{port}", VERSION="2")
        new.prints("up after")
        # A frame that closes, with the code 1012.
        said = b""
        while not said.endswith(b"\x88\x02\x03\xf4"):
            more = connection.socket.recv(1000)
            assert more, f"closed after {said!r}"
            said += more
        # aiohttp closes when its handler returns, which may be before this answer comes: that is a reset then.
        with contextlib.suppress(ConnectionError):
            connection.socket.sendall(b"\x88\x82\0\0\0\0\x03\xf4")
            assert connection.ends()
    assert old.exit() == 0, old.output
    assert old.output.count("on_shutdown") == old.output.count("on_cleanup") == 1


def test_a_second_signal_ends_the_drain_of_aiohttp_and_the_application_is_shut_down(world, port):
    old = world.deploy(program(AIOHTTP), ADDRESS=f":{port}", DRAIN="1000")
    old.prints("up after")
    with Connection(port) as connection:
        connection.request()
        old.terminate()
        old.prints("on_shutdown")
        old.terminate()
        old.prints("on_cleanup")
        assert old.exit() == 0, old.output


STARTS_WHEN_TOLD = """
import asyncio, os, serverswap.uvicorn

async def app(scope, receive, send):
    await receive()
    print("starts")
    await asyncio.get_running_loop().run_in_executor(None, lambda: open(os.environ["FIFO"]).read())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    print("shut down")
    await send({"type": "lifespan.shutdown.complete"})

serverswap.uvicorn.run(app, os.environ["ADDRESS"], log_level="warning", lifespan="on")
"""


def test_a_version_that_is_overtaken_while_its_application_starts_never_serves(world, port, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    environment = {"ADDRESS": f":{port}", "FIFO": str(fifo)}
    slow = world.deploy(program(STARTS_WHEN_TOLD), **environment)
    slow.prints("starts")
    new = world.deploy(python("http_server.py"), ADDRESS=f":{port}", VERSION="2")
    new.prints("up after")
    with open(fifo, "w"):
        pass
    assert slow.exit() == 120, slow.output
    assert "shut down\n" in slow.output
    assert "AttributeError" not in slow.output
    assert ask(port).version == "2"


def test_an_address_that_is_taken_before_it_is_served_ends_the_server_in_order(port, monkeypatch):
    said = []

    async def app(scope, receive, send):
        for event in ("startup", "shutdown"):
            await receive()
            said.append(event)
            await send({"type": f"lifespan.{event}.complete"})

    config = uvicorn.Config(app, log_level="warning", lifespan="on")
    server = serverswap.uvicorn.Server(config, port)
    listen = serverswap.aio.listen

    async def taken_at_once(address):
        listener = await listen(address)
        server._taken(serverswap.Takedown(str(address), "replaced", 30))
        serverswap.released(address)
        return listener

    monkeypatch.setattr(serverswap.aio, "listen", taken_at_once)
    asyncio.run(server.serve())
    assert said == ["startup", "shutdown"]


@pytest.mark.parametrize("option", ["host", "port", "uds", "fd", "workers", "reload"])
def test_an_option_of_uvicorn_that_names_another_socket_is_refused_before_the_claim(port, option):
    with pytest.raises(serverswap.InvalidArgumentError, match=option):
        serverswap.uvicorn.run("app:app", port, **{option: 1})
