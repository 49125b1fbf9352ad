"""The programs and commands that the READMEs show, each as it stands but for its port."""

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from support.programs import EXAMPLES, REPOSITORY, binary, program

OURS = REPOSITORY / "bindings/python/README.md"
VERSIONS = REPOSITORY / "bindings/python/requirements-test.txt"
LOWEST = REPOSITORY / "bindings/python/requirements-lowest.txt"


def blocks(readme, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", readme.read_text(), re.DOTALL | re.MULTILINE)


def test_the_program_of_the_main_readme_serves_once_it_is_deployed_and_again_when_it_is_deployed_again(world, port):
    [source] = blocks(REPOSITORY / "README.md", "python")
    command = program(source.replace("8080", str(port)))
    old = world.deploy(command)
    old.prints("up after")
    urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
    new = world.deploy(command)
    new.prints("up after")
    urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
    assert old.exit() == 0


def test_every_command_of_our_readme_deploys_what_the_readme_shows(world, port, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    for source in blocks(OURS, "python"):
        name = re.match(r"# (\S+\.py)\n", source)
        assert name, f"its first line names its file:\n{source}"
        (folder / name[1]).write_text(source.replace("8080", str(port)))
    # The reader's own.
    (folder / "wsgi.py").write_text((EXAMPLES / "python/gunicorn_app.py").read_text())
    (folder / "asgi.py").write_text((EXAMPLES / "python/uvicorn_app.py").read_text())
    lines = [line for block in blocks(OURS, "sh") for line in block.replace("8080", str(port)).splitlines()]
    assert len(lines) >= 4
    programs = os.pathsep.join([str(Path(sys.executable).parent), str(Path(binary("serverswap")).parent)])
    old = None
    for line in lines:
        new = world.start(["sh", "-c", f"cd {folder} && exec {line}"], PATH=f"{programs}:{os.environ['PATH']}")
        new.prints("up after")
        urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
        assert old is None or old.exit() == 0, old.output
        old = new


def test_what_the_readme_of_the_examples_shows(world, port):
    [block] = blocks(EXAMPLES / "python/README.md", "sh")
    enter, go, first, second, ask = block.replace("8080", str(port)).splitlines()
    deploys = []
    for line in (first, second):
        shell = f"cd {REPOSITORY} && {enter} && {go} && {line}"
        deploys.append(world.start(["bash", "-c", shell], ADDRESS=f":{port}"))
        deploys[-1].prints("up after")
    assert deploys[0].exit() == 0, deploys[0].output
    command, promise = re.split(r" +# ", ask)
    printed = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=30).stdout
    assert promise == "Version: 2"
    assert promise in printed


def test_the_versions_that_our_readme_names_are_the_ones_that_are_tested():
    rows = re.findall(r"^\| (uvicorn|aiohttp|gunicorn).* \| (.*) \|$", OURS.read_text(), re.MULTILINE)
    named = {f"{framework}=={version}" for framework, versions in rows for version in re.findall(r"\d+\.\d+\.\d+", versions)}
    pinned = (LOWEST.read_text() + VERSIONS.read_text()).splitlines()
    assert named == {line for line in pinned if re.match(r"(uvicorn|aiohttp|gunicorn)==", line)}
