"""A server that can run no Python code for a while still answers its arbiter, and has its whole drain."""

import os

from support.http import Connection
from support.programs import program
from support.world import wait_for_exit

# `PyDLL` keeps the GIL: no thread of Python runs until the test writes something.
BLOCKS = """
import asyncio, ctypes, os
from serverswap.aio import StreamServer

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    if os.environ["VERSION"] == "1":
        blocking = os.open(os.environ["FIFO"], os.O_RDONLY)
        ctypes.PyDLL(None).read(blocking, ctypes.create_string_buffer(1), 1)
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nVersion: %b\\r\\n\\r\\n" % os.environ["VERSION"].encode())
    await writer.drain()

asyncio.run(StreamServer(answer, os.environ["ADDRESS"]).serve())
"""


def test_a_server_that_is_blocked_when_it_is_replaced_answers_what_it_has_accepted(world, port, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command, environment = program(BLOCKS), {"ADDRESS": f":{port}", "FIFO": str(fifo)}
    old = world.leave(command, VERSION="1", **environment)
    assert old.exit() == 0, old.output
    with Connection(port) as connection:
        connection.request()
        # Opened when the server opens it.
        with open(fifo, "wb", buffering=0) as unblock:
            new = world.leave(command, VERSION="2", **environment)
            assert "30 s left" in new.prints("is draining")
            new.prints("now served by")
            unblock.write(b"!")
            assert connection.answer().version == "1"
    wait_for_exit(old.server)
    assert new.exit() == 0, new.output
