#!/usr/bin/env python3
"""Runs the test programs of the workspace side by side: most of their tests wait for processes.

usage: test-rust.py [argument of each test program]...

What cargo has built is not built again. Each program's output is printed whole when it has ended, and every program is
run whether or not another fails. JOBS is how many run at once (default: 2).

Exits with 1 if a test has failed, and names the programs.
"""
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

CARGO_TEST = ["cargo", "test", "--workspace", "--all-features"]
# Those that take longest begin first.
LONGEST = ["e2e", "it", "mutants", "model"]


@dataclass
class TestProgram:
    name: str
    command: list[str]
    directory: Path


def built() -> list[TestProgram]:
    """Every test program, as cargo has built it."""
    command = [*CARGO_TEST, "--no-run", "--message-format=json-render-diagnostics"]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    tests = [one for one in messages if one["reason"] == "compiler-artifact" and one["profile"]["test"]]
    found = [
        TestProgram(one["target"]["name"], [one["executable"]], Path(one["manifest_path"]).parent)
        for one in tests
        if one["executable"]
    ]
    found.sort(key=lambda one: LONGEST.index(one.name) if one.name in LONGEST else len(LONGEST))
    return found


def run(program: TestProgram, arguments: list[str]) -> tuple[int, float, str]:
    """Its status, how many seconds it took, and what it printed."""
    began = time.monotonic()
    # As `cargo test` does it.
    environment = {**os.environ, "CARGO_MANIFEST_DIR": str(program.directory)}
    ended = subprocess.run(
        [*program.command, *arguments],
        cwd=program.directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return ended.returncode, time.monotonic() - began, ended.stdout


def main(arguments: list[str]) -> int:
    documents = TestProgram("doc", [*CARGO_TEST, "--doc", "--"], Path.cwd())
    failed = []
    with ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        running = {pool.submit(run, one, arguments): one for one in [*built(), documents]}
        for ended in as_completed(running):
            (status, took, output), program = ended.result(), running[ended]
            print(f"---- {program.name} of {program.directory.name}, {took:.0f} s", output, sep="\n", flush=True)
            if status != 0:
                failed.append(f"{program.name} of {program.directory.name} (status {status})")
    if failed:
        print(f"error: tests have failed in {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
