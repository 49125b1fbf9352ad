"""Where the programs of the repository are."""

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[4]
EXAMPLES = REPOSITORY / "examples"
SERVERS = Path(__file__).resolve().parents[1] / "servers"


def binary(name):
    """A native program: from SERVERSWAP_BIN_DIR, or else where cargo puts it."""
    given = os.environ.get("SERVERSWAP_BIN_DIR")
    folders = [Path(given)] if given else [REPOSITORY / "target/debug", REPOSITORY / "target/release"]
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    raise FileNotFoundError(f"`{name}` is in none of {folders}; build it with: cargo build -p serverswap-cli")


def python(script, *arguments):
    """The command line of a Python example, or of a server of the tests."""
    folder = EXAMPLES / "python" if (EXAMPLES / "python" / script).exists() else SERVERS
    return [sys.executable, str(folder / script), *arguments]


def node(script):
    """The command line of a Node example."""
    return ["node", str(EXAMPLES / "node" / script)]
