"""The oldest interpreter that the package is for, and the newest that is here: one wheel for both."""

import glob
import os
import shutil
import socket
import subprocess
import zipfile

import pytest
from support.http import ask
from support.programs import EXAMPLES, REPOSITORY, binary, program

VERSIONS = ("3.9", "3.13")


def interpreter(version):
    """An interpreter of that version, or `None`; one of pyenv's need not be switched on."""
    pyenv = os.path.expanduser(f"~/.pyenv/versions/{version}.*/bin/python")
    for candidate in [shutil.which(f"python{version}"), *glob.glob(pyenv)]:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    return None


@pytest.fixture(params=VERSIONS)
def python(request, tmp_path):
    """What starts the interpreter with what is in the wheel."""
    found = interpreter(request.param)
    if found is None:
        pytest.skip(f"there is no CPython {request.param} on this machine")
    [wheel] = (REPOSITORY / "bindings/python/dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "wheel")
    return ["env", f"PYTHONPATH={tmp_path / 'wheel'}", found]


@pytest.mark.parametrize("script", ["http_server.py", "asyncio_server.py"])
def test_a_server_is_swapped(python, world, port, script):
    command = [binary("serverswap"), *python, str(EXAMPLES / "python" / script)]
    for version in ("1", "2"):
        started = world.start(command, ADDRESS=f":{port}", VERSION=version)
        assert started.exit() == 0, started.output
        assert ask(port).version == version
        assert len(world.servers()) == 1


ON_A_UNIX_SOCKET = """
import asyncio, os, serverswap.aio

async def answer(reader, writer):
    writer.write(os.environ["VERSION"].encode())
    writer.close()

async def main():
    listener = await serverswap.aio.listen(os.environ["ADDRESS"])
    server = await asyncio.start_unix_server(answer, sock=listener)
    taken = asyncio.Event()
    serverswap.aio.on_takedown(os.environ["ADDRESS"], taken.set)
    await serverswap.aio.serving(os.environ["ADDRESS"])
    await taken.wait()
    server.close()

asyncio.run(main())
"""


def test_a_server_of_asyncio_leaves_the_path_of_its_unix_socket_to_the_next_one(python, world, tmp_path):
    path = str(tmp_path / "app.sock")
    _, script = program(ON_A_UNIX_SOCKET)
    for version in ("1", "2", "3"):
        started = world.start([binary("serverswap"), *python, script], ADDRESS=f"unix:{path}", VERSION=version)
        assert started.exit() == 0, started.output
        assert len(world.servers()) == 1
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            assert client.recv(1) == version.encode()
