"""A runtime directory of its own, and every process that was started in it."""

import collections
import contextlib
import os
import random
import re
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from .programs import binary

#: Seconds after which a test has failed. Nothing waits that long when it works.
LIMIT = 30


class World:
    """Ends what it has started, whatever becomes of the test."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.chmod(0o700)
        self._commands = []

    def deploy(self, command, **environment):
        """Starts a server under `serverswap-deploy`, which stays beside it."""
        return self._start([binary("serverswap-deploy"), "--probation", "0", *command], environment)

    def first(self, command, port):
        """Version 1 of a server under `serverswap-deploy`, which serves."""
        old = self.deploy(command, ADDRESS=f":{port}", VERSION="1")
        old.prints("up after")
        return old

    def swap(self, command, port, old):
        """Deploys version 2, and returns when version 1 has stopped accepting."""
        new = self.deploy(command, ADDRESS=f":{port}", VERSION="2")
        new.prints("up after")
        has_stopped_listening(old.server)

    def leave(self, command, **environment):
        """Starts a server with `serverswap`, which leaves when the deploy is done."""
        return self._start([binary("serverswap"), "--probation", "0", *command], environment)

    def start(self, command, **environment):
        """Starts a server without a `serverswap`."""
        return self._start(command, environment)

    def _start(self, command, environment):
        command = Command(command, {**self.environment, **environment})
        self._commands.append(command)
        return command

    @property
    def environment(self):
        """What makes a `serverswap` use this directory, and nothing of an outer one."""
        ours_alone = ("SERVERSWAP_", "SSH_CONNECTION")
        outer = {name: value for name, value in os.environ.items() if not name.startswith(ours_alone)}
        ours = {"SERVERSWAP_DIR": str(self.directory), "XDG_STATE_HOME": f"{self.directory}.state"}
        return {**outer, **ours, "PYTHONUNBUFFERED": "1"}

    def servers(self):
        """The processes that run in this directory and are no `serverswap`."""
        return [pid for pid in self._processes() if not _name(pid).startswith("serverswap")]

    def _processes(self):
        mark = f"SERVERSWAP_DIR={self.directory}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        yield int(entry.name)

    def close(self):
        """Kills what still runs, supervisors first: they start nothing again."""
        for command in self._commands:
            command.kill()
        for pid in list(self._processes()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Command:
    """A started command; what it and its server print is kept."""

    def __init__(self, command, environment):
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # As a service manager does it: a pipe of a terminal's is not for a server.
            start_new_session=True,
        )
        self._lines = []
        self._printed = threading.Condition()
        # Of one pipe for both, two processes would write into each other's lines.
        outputs = (self._process.stdout, self._process.stderr)
        self._readers = [threading.Thread(target=self._read, args=(output,)) for output in outputs]
        for reader in self._readers:
            reader.start()

    def _read(self, output):
        with output:
            for line in output:
                with self._printed:
                    self._lines.append(line)
                    self._printed.notify_all()

    @property
    def pid(self):
        return self._process.pid

    @property
    def output(self):
        """What was printed until now."""
        with self._printed:
            return "".join(self._lines)

    def prints(self, text):
        """Waits until a line with this text is printed, and returns the line."""

        def found():
            return next((line for line in self._lines if text in line), None)

        with self._printed:
            self._printed.wait_for(found, LIMIT)
            line = found()
        assert line is not None, f"`{text}` was not printed, but:\n{self.output}"
        return line

    @property
    def server(self):
        """The process that it has started last."""
        return int(re.search(r"\(pid (\d+)\)", self.prints("serverswap: started"))[1])

    def exit(self):
        """Waits until it has ended and all that it printed is read, and returns its exit status."""
        try:
            status = self._process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it has not ended after {LIMIT} s:\n{self.output}") from None
        for reader in self._readers:
            reader.join(LIMIT)
        return status

    def runs(self):
        return self._process.poll() is None

    def terminate(self):
        self._process.terminate()

    def kill(self):
        self._process.kill()
        self._process.wait()


def _name(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text()
    return "serverswap (gone)"


#: What keeps the ports that were given out last from being given out again.
_RESERVED = collections.deque(maxlen=128)


def free_port():
    """A port that nobody has, outside of the range that the kernel gives to clients.

    It is given out to nobody else: as all tests of this repository do, this process has the UDP port 30,000 above it.
    """
    while True:
        port = random.randint(12_000, 30_000)
        reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
            reservation.bind(("127.0.0.1", port + 30_000))
            probe.bind(("::", port))
            _RESERVED.append(reservation)
            return port
        reservation.close()


def has_stopped_listening(pid):
    """Waits until a process and its children have no listening socket any more."""
    deadline = time.monotonic() + LIMIT
    while _listens(pid):
        assert time.monotonic() < deadline, f"process {pid} still listens"


def _listens(pid):
    inodes = set().union(*(_open_files(process) for process in [pid, *_children(pid)]))
    return any(f"socket:[{inode}]" in inodes for inode in _listening_inodes())


def _open_files(pid):
    with contextlib.suppress(FileNotFoundError):  # It has ended.
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # It was closed.
                yield os.readlink(descriptor)


def _children(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            yield from (thread / "children").read_text().split()


def _listening_inodes():
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":  # TCP_LISTEN
                yield fields[9]


def wait_for_exit(pid):
    """Waits for the end of a process that is no child of this one."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        assert poll.poll(LIMIT * 1000), f"process {pid} has not ended after {LIMIT} s"
    finally:
        os.close(pidfd)
