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
    return [sys.executable, "-m", "serverswap.uvicorn", *app, "--log-level", "warning", *options]


def gunicorn():
    """The command line of the WSGI example, with several workers."""
    folder = EXAMPLES / "python"
    options = ["--config", str(folder / "gunicorn.conf.py"), "--chdir", str(folder), "--log-level", "warning"]
    return [sys.executable, "-m", "gunicorn", *options, "gunicorn_app:app"]


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


def program(source):
    """The command line of a Python program."""
    descriptor, path = tempfile.mkstemp(suffix=".py", dir=_written.name)
    with os.fdopen(descriptor, "w") as script:
        script.write(source)
    return [sys.executable, path]
