"""Builds the wheel with maturin, and puts the commands into it as they are: a native program.

pip installs what is in the folder `scripts` of a wheel's data beside its own commands, so that no Python
process stays beside a server. There are no links in a wheel: `serverswap-deploy` is a script that becomes `serverswap`.

The wheel is one for every CPython (abi3), and with a free-threaded interpreter one for that: maturin and pyo3
see to it. The source distribution has the crates that the package and the commands are made of, in the folders of
the repository, and a `pyproject.toml` above them that says where the package is.
"""

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import maturin
from maturin import (  # The hooks that need nothing of ours.
    get_requires_for_build_editable,
    get_requires_for_build_wheel,
)

__all__ = [
    "UnsupportedOperation",
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
DATA = HERE / "data"
SCRIPTS = DATA / "scripts"

# What the source distribution has of the repository, and what of that nobody builds with.
SOURCES = ["Cargo.lock", "LICENSE", "spec", "bindings/core", "serverswap-cli", "bindings/python"]
MEMBERS = ["bindings/core", "bindings/python", "serverswap-cli", "spec"]
NO_SOURCE = re.compile(r"bindings/python/tests/|spec/(tests|v1/schema|v1/vectors)/|.*/tests/(recordings|snapshots)/")

# A script is no link: it says in a first argument which of the two it is.
DEPLOY_SCRIPT = """#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/serverswap" --as-serverswap-deploy "$@"
"""


class UnsupportedOperation(Exception):
    """Of PEP 517: what this backend does not do."""


def build_sdist(sdist_directory, config_settings=None):
    """The hook of PEP 517."""
    check_repository()
    version = re.search(r'^version = "(.*)"', (REPOSITORY / "Cargo.toml").read_text(), re.MULTILINE).group(1)
    name = f"serverswap-{version}"
    path = Path(sdist_directory) / f"{name}.tar.gz"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SOURCES]
    files = subprocess.run(listed, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\0")
    sources = [file for file in sorted(filter(None, files)) if not NO_SOURCE.match(file)]
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, dereference=True) as archive:
        for file in sources:
            archive.add(REPOSITORY / file, f"{name}/{file}", filter=reproducible)
        for file, text in written_sources(version).items():
            entry = reproducible(tarfile.TarInfo(f"{name}/{file}"))
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path.name


def reproducible(entry):
    """The same for the same source."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = int(os.environ.get("SOURCE_DATE_EPOCH", entry.mtime))
    return entry


def written_sources(version):
    """The files of the source distribution that are others in the repository."""
    workspace = (REPOSITORY / "Cargo.toml").read_text()
    project = (HERE / "pyproject.toml").read_text()
    here = "bindings/python"
    for old, new in [
        ('backend-path = ["."]', f'backend-path = ["{here}"]'),
        ('readme = "README.md"', f'readme = "{here}/README.md"'),
        ('python-source = "python"', f'python-source = "{here}/python"\nmanifest-path = "{here}/Cargo.toml"'),
        ('data = "data"', f'data = "{here}/data"'),
    ]:
        assert old in project, f"pyproject.toml has no {old}"
        project = project.replace(old, new)
    summary = re.search(r'^description = "(.*)"', project, re.MULTILINE).group(1)
    metadata = {
        "Metadata-Version": "2.4",
        "Name": "serverswap",
        "Version": version,
        "Summary": summary,
        "License-Expression": "MIT",
        "Requires-Python": ">=3.9",
        "Description-Content-Type": "text/markdown",
    }
    fields = "".join(f"{name}: {value}\n" for name, value in metadata.items())
    return {
        "Cargo.toml": re.sub(r"^members = .*$", f"members = {json.dumps(MEMBERS)}", workspace, flags=re.MULTILINE),
        "pyproject.toml": project,
        "PKG-INFO": f"{fields}\n{(HERE / 'README.md').read_text()}",
    }


def check_repository():
    """:raises UnsupportedOperation: this folder was taken out of its repository"""
    if not (REPOSITORY / "serverswap-cli" / "Cargo.toml").exists():
        raise UnsupportedOperation(
            f"{HERE} is not in a clone of serverswap, which has the crates that are built; "
            "install a wheel, or `pip install bindings/python` in a clone"
        )


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    """The hook of PEP 517. maturin looks for the folder, not yet into it."""
    check_repository()
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    return maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """The hook of PEP 517."""
    config_settings = dict(config_settings or {})
    put_commands(config_settings.pop("commands", None), config_settings.pop("pages", None))
    return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """The hook of PEP 660."""
    put_commands(None, None)
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


def put_commands(built, pages):
    """Puts `serverswap` and `serverswap-deploy`, and their man pages, where maturin takes them from.

    :param built: the folder with the program, for one that was built before (`--config-settings commands=FOLDER`)
    :param pages: the program that writes the man pages, if that one does not run here (`--config-settings pages=PROGRAM`)
    """
    check_repository()
    shutil.rmtree(DATA, ignore_errors=True)
    SCRIPTS.mkdir(parents=True)
    command = Path(built) / "serverswap" if built else build_command()
    shutil.copy(command, SCRIPTS)
    deploy = SCRIPTS / "serverswap-deploy"
    deploy.write_text(DEPLOY_SCRIPT)
    deploy.chmod(0o755)
    # Below the prefix of the environment: man(1) looks beside each folder of PATH.
    subprocess.run([pages or command, "man", "--into", DATA / "data/share/man/man1"], check=True)


def build_command():
    """Returns the path of `serverswap`, after it was built, as cargo reports it."""
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "-p", "serverswap-cli", "--bin", "serverswap"]
    built = subprocess.run(
        [*command, "--message-format=json-render-diagnostics"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        check=True,
    )
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return next(message["executable"] for message in messages if message.get("executable"))
