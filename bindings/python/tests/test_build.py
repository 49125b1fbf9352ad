"""What the build backend refuses, it refuses with words for people."""

import shutil
import subprocess
import sys

from support.programs import REPOSITORY

PACKAGE = REPOSITORY / "bindings/python"
HINT = "`pip install bindings/python` in a clone"


def test_there_is_no_source_distribution(tmp_path):
    source = f"import build_backend; build_backend.build_sdist({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", source], cwd=PACKAGE, capture_output=True, text=True)
    assert "UnsupportedOperation: serverswap has no source distribution" in done.stderr
    assert HINT in done.stderr


def test_outside_of_its_repository_the_package_is_not_built(tmp_path):
    copy = tmp_path / "python"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("dist", "data", "__pycache__"))
    pip = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", tmp_path]
    done = subprocess.run([*pip, copy], capture_output=True, text=True)
    assert done.returncode != 0
    assert f"{copy} is not in a clone of serverswap" in done.stdout + done.stderr
    assert HINT in done.stdout + done.stderr
