"""Where the programs of the repository are."""

import os
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[4]
EXAMPLES = REPOSITORY / "examples"

_written = tempfile.TemporaryDirectory()


def binary(name):
    """A native program: from SERVERSWAP_BIN_DIR, or else where cargo puts it."""
    given = os.environ.get("SERVERSWAP_BIN_DIR")
    folders = [Path(given)] if given else [REPOSITORY / "target/debug", REPOSITORY / "target/release"]
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    raise FileNotFoundError(f"`{name}` is in none of {folders}; build it with: cargo build -p serverswap-cli")


def python(script, *arguments):
    """The command line of a Python example."""
    return [sys.executable, str(EXAMPLES / "python" / script), *arguments]


def node(script):
    """The command line of a Node example."""
    return ["node", str(EXAMPLES / "node" / script)]


def uvicorn(port, *options):
    """The command line of the ASGI example."""
    app = ["uvicorn_app:app", "--app-dir", str(EXAMPLES / "python"), "--address", f":{port}"]
    # Not sooner than the test has done what is between two requests.
    kept = ["--timeout-keep-alive", "60", "--log-level", "warning"]
    return [sys.executable, "-m", "serverswap.uvicorn", *app, *kept, *options]


def gunicorn(*options):
    """The command line of the WSGI example, with several workers."""
    folder = EXAMPLES / "python"
    files = ["--config", str(folder / "gunicorn.conf.py"), "--chdir", str(folder)]
    kept = ["--keep-alive", "60", "--log-level", "warning"]
    return [sys.executable, "-m", "gunicorn", *files, *kept, *options, "gunicorn_app:app"]


#: Every example that inherits its address: what starts it, given the port.
SERVERS = {
    "http.server": lambda port: python("http_server.py"),
    "asyncio": lambda port: python("asyncio_server.py"),
    "uvicorn on uvloop": lambda port: uvicorn(port, "--loop", "uvloop", "--http", "httptools"),
    "uvicorn on asyncio": lambda port: uvicorn(port, "--loop", "asyncio", "--http", "h11"),
    "aiohttp": lambda port: python("aiohttp_server.py"),
    "gunicorn": lambda port: gunicorn(),
    "Node": lambda port: node("http.js"),
}

#: The same with the lowest versions that are declared.
LOWEST_SERVERS = {
    "uvicorn 0.23.2": lambda port: with_lowest("uvicorn==0.23.2", SERVERS["uvicorn on uvloop"](port)),
    "aiohttp 3.9.0": lambda port: with_lowest("aiohttp==3.9.0", SERVERS["aiohttp"](port)),
    "gunicorn 25.2.0": lambda port: with_lowest("gunicorn==25.2.0", SERVERS["gunicorn"](port)),
}

#: Of those in Python the ones that end a drain after a second by themselves, long before they are ended.
IMPATIENT_SERVERS = {
    "http.server": lambda port: impatient("http_server.py"),
    "asyncio": lambda port: impatient("asyncio_server.py"),
    "uvicorn on uvloop": lambda port: SERVERS["uvicorn on uvloop"](port) + ["--drain-timeout", "1"],
    "uvicorn on asyncio": lambda port: SERVERS["uvicorn on asyncio"](port) + ["--drain-timeout", "1"],
    "aiohttp": lambda port: impatient("aiohttp_server.py"),
    "gunicorn": lambda port: gunicorn("--graceful-timeout", "1"),
}


def impatient(script):
    """The command line of a Python example whose server has a drain timeout of its own, of a second."""
    source = (EXAMPLES / "python" / script).read_text()
    assert source.count(", ADDRESS)") == 1
    return program(source.replace(", ADDRESS)", ", ADDRESS, drain_timeout=1)"))


def with_lowest(requirement, command):
    """A command that has the lowest version of a framework that is declared; setup.sh has installed it."""
    folder = REPOSITORY / ".venv/lowest" / requirement
    assert folder.is_dir(), f"`{requirement}` is not installed: run bindings/python/setup.sh"
    return ["env", f"PYTHONPATH={folder}", *command]


def program(source):
    """The command line of a Python program."""
    descriptor, path = tempfile.mkstemp(suffix=".py", dir=_written.name)
    with os.fdopen(descriptor, "w") as script:
        script.write(source)
    return [sys.executable, path]
