"""The wheel that setup.sh has built, in an empty environment."""

import os
import subprocess
import sys

import pytest
from support.http import ask
from support.programs import EXAMPLES, REPOSITORY, binary


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A fresh environment with the wheel in it and nothing else."""
    [wheel] = (REPOSITORY / "bindings/python/dist").glob("*.whl")
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python"]
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel)
    return folder / "bin"


def run(*command):
    subprocess.run([str(part) for part in command], check=True, timeout=300)


def test_the_command_is_native_and_there_once(environment):
    assert (environment / "serverswap").read_bytes().startswith(b"\x7fELF")
    assert (environment / "serverswap-deploy").stat().st_size < 200


def test_the_man_pages_are_where_man_looks(environment):
    assert (environment.parent / "share/man/man1/serverswap-status.1").exists()


def test_a_link_to_serverswap_deploy_is_serverswap_deploy(environment, tmp_path):
    (tmp_path / "deploy").symlink_to(environment / "serverswap-deploy")
    done = subprocess.run([tmp_path / "deploy", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("serverswap-deploy ")


def test_a_server_is_swapped_with_what_was_installed(world, environment, port):
    script = str(EXAMPLES / "python" / "http_server.py")
    for version in ("1", "2"):
        command = world.start(
            [str(environment / "serverswap"), script],
            ADDRESS=f":{port}",
            VERSION=version,
            PATH=f"{environment}:/usr/bin:/bin",
        )
        assert command.exit() == 0, command.output
        assert ask(port).version == version
        assert len(world.servers()) == 1


@pytest.mark.timeout(700)
def test_the_demo_runs_with_what_was_installed_and_loses_nothing(environment):
    python = environment / "python"
    server = ["--server", f"{python} {EXAMPLES / 'python' / 'http_server.py'}", "--broken", f"{python} -c exit(1)"]
    done = subprocess.run(
        [binary("serverswap-rigs"), "demo", *server],
        env={"PATH": f"{environment}:/usr/bin:/bin", "SERVERSWAP_BIN_DIR": str(environment)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert "requests, 5 deploys, 0 failed, no process left behind" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_no_python_stays_beside_a_server(world, environment, port):
    script = str(EXAMPLES / "python" / "http_server.py")
    command = world.start(
        [str(environment / "serverswap-deploy"), str(environment / "python"), script], ADDRESS=f":{port}"
    )
    command.prints("up after")
    assert world.servers() == [command.server]
    assert os.readlink(f"/proc/{command.pid}/exe") == str(environment / "serverswap")


def test_nothing_is_imported_that_is_not_needed(environment):
    modules = "logging, asyncio, inspect, typing, re, socket, threading, functools".split(", ")
    code = f"import sys; before = set(sys.modules); import serverswap; print(*[m for m in {modules} if m in set(sys.modules) - before])"
    done = subprocess.run(
        [str(environment / "python"), "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"
