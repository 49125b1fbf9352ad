"""The build backend: what it makes besides wheels, and what it refuses, with words for people."""

import json
import shutil
import subprocess
import sys
import tarfile

from support.programs import REPOSITORY

PACKAGE = REPOSITORY / "bindings/python"
HINT = "`pip install bindings/python` in a clone"


def test_the_source_distribution_has_what_is_built_and_can_be_read_by_cargo(tmp_path):
    source = f"import build_backend; print(build_backend.build_sdist({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", source], cwd=PACKAGE, capture_output=True, text=True, check=True)
    with tarfile.open(tmp_path / done.stdout.strip()) as archive:
        [folder] = {name.split("/")[0] for name in archive.getnames()}
        archive.extractall(tmp_path)
    assert {"LICENSE", "PKG-INFO", "pyproject.toml"} < {entry.name for entry in (tmp_path / folder).iterdir()}
    metadata = ["cargo", "metadata", "--offline", "--no-deps", "--format-version", "1"]
    read = subprocess.run(metadata, cwd=tmp_path / folder, capture_output=True, check=True)
    packages = {package["name"] for package in json.loads(read.stdout)["packages"]}
    assert packages == {"serverswap", "serverswap-cli", "serverswap-protocol", "serverswap-python"}


def test_outside_of_its_repository_the_package_is_not_built(tmp_path):
    copy = tmp_path / "python"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("dist", "data", "__pycache__"))
    pip = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", tmp_path]
    done = subprocess.run([*pip, copy], capture_output=True, text=True)
    assert done.returncode != 0
    assert f"{copy} is not in a clone of serverswap" in done.stdout + done.stderr
    assert HINT in done.stdout + done.stderr
