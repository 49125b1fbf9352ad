"""Builds the wheel with maturin, and puts the commands into it as they are: native programs.

pip installs what is in the folder `scripts` of a wheel's data beside its own commands, so that no Python
process stays beside a server.

The wheel is one for every CPython (abi3), and with a free-threaded interpreter one for that: maturin and pyo3
see to it. There is no source distribution: the crates that the package and the commands are made of
are in other folders of the repository.
"""

import json
import os
import shutil
import subprocess
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
SCRIPTS = HERE / "data" / "scripts"


class UnsupportedOperation(Exception):
    """Of PEP 517: what this backend does not do."""


def build_sdist(sdist_directory, config_settings=None):
    """The hook of PEP 517.

    :raises UnsupportedOperation: always
    """
    raise UnsupportedOperation(
        "serverswap has no source distribution; install a wheel, or `pip install bindings/python` in a clone"
    )


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
    put_commands()
    return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """The hook of PEP 660."""
    put_commands()
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


def put_commands():
    """Builds `serverswap` and `serverswap-deploy`, and puts them where maturin takes them from."""
    check_repository()
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "-p", "serverswap-cli"]
    built = subprocess.run(
        [*command, "--message-format=json-render-diagnostics"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        check=True,
    )
    for line in built.stdout.splitlines():
        executable = json.loads(line).get("executable")
        if executable:
            shutil.copy(executable, SCRIPTS)
