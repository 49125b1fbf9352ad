"""On a free-threaded CPython, if this machine has one: the package is built for it, and leaves it free-threaded."""

import os
import shutil
import subprocess
import sys

import pytest
from support.http import ask
from support.programs import EXAMPLES, REPOSITORY, binary

NAMES = ("python3.15t", "python3.14t")
INTERPRETER = os.environ.get("FREE_THREADED_PYTHON") or next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        INTERPRETER is None,
        reason=f"there is no free-threaded CPython: none of {', '.join(NAMES)} is on the PATH, and FREE_THREADED_PYTHON names none",
    ),
]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment with the package in it, built for that."""
    folder = tmp_path_factory.mktemp("free-threaded")
    subprocess.run([INTERPRETER, "-m", "venv", "--without-pip", folder], check=True)
    python = str(folder / "bin/python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", REPOSITORY / "bindings/python"], check=True)
    return python


def test_it_stays_free_threaded(python):
    source = "import sys, serverswap; serverswap.server_up(); print(sys._is_gil_enabled())"
    done = subprocess.run([python, "-W", "error", "-c", source], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_threaded_server_is_swapped(python, world, port):
    command = [binary("serverswap"), python, str(EXAMPLES / "python/http_server.py")]
    for version in ("1", "2"):
        started = world.start(command, ADDRESS=f":{port}", VERSION=version)
        assert started.exit() == 0, started.output
        assert ask(port).version == version
