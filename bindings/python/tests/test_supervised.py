"""The words of blocking programs, with the real programs around them."""

import os
import signal

import pytest
from support.http import ask
from support.programs import program, python
from support.world import wait_for_exit

# Binds, and lets go when it is told on which conditions.
HOLDER = """
import os, serverswap, signal, threading
address, drains = os.environ["ADDRESS"], threading.Event()

@serverswap.on_takedown(address)
def let_go(takedown):
    print("taken", takedown.address, takedown.reason, round(takedown.drain), threading.current_thread().daemon)
    drains.wait()

signal.signal(signal.SIGUSR1, lambda *_: drains.set())
serverswap.ready_for(address)
serverswap.serving(address)
print("holds", os.getpid(), serverswap.supervised, serverswap.generation == os.environ["SERVERSWAP_GENERATION"])
while not drains.is_set():
    signal.pause()
threading.Event().wait()
"""

CLAIMANT = """
import os, serverswap, sys
print("claims", os.getpid())
before = len(os.listdir("/proc/self/fd"))
try:
    serverswap.ready_for(os.environ["ADDRESS"], timeout=float(os.environ.get("TIMEOUT", "100")))
except serverswap.ServerSwapError as error:
    print(f"refused {error.code} {isinstance(error, TimeoutError)}")
    sys.exit(7)
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(8)
print("granted")
serverswap.serving(os.environ["ADDRESS"])
import threading; threading.Event().wait()
"""


def holder(world, address="mailer"):
    command = world.deploy(program(HOLDER), ADDRESS=address)
    return command, int(command.prints("holds").split()[1])


def test_a_server_knows_its_supervisor_and_generation(world):
    command, _ = holder(world)
    assert command.prints("holds").split()[2:] == ["True", "True"]


def test_a_takedown_is_told_on_a_daemon_thread_and_the_claim_waits_for_its_end(world):
    old, pid = holder(world)
    new = world.deploy(program(CLAIMANT), ADDRESS="mailer")
    assert old.prints("taken").split() == ["taken", "mailer", "replaced", "30", "True"]
    new.prints("claims")
    assert "granted" not in new.output.split()
    os.kill(pid, signal.SIGUSR1)
    new.prints("granted\n")


def test_a_claim_that_is_not_granted_in_time_is_withdrawn(world):
    old, pid = holder(world)
    new = world.deploy(program(CLAIMANT), ADDRESS="mailer", TIMEOUT="0.2")
    new.prints("refused timeout True")
    assert new.exit() == 7
    assert pid in world.servers()


def test_a_waiting_claim_answers_ctrl_c(world):
    old, pid = holder(world)
    new = world.deploy(program(CLAIMANT), ADDRESS="mailer")
    claimant = int(new.prints("claims").split()[1])
    old.prints("taken")
    os.kill(claimant, signal.SIGINT)
    new.prints("interrupted")
    assert new.exit() == 8


def test_a_supervisor_that_dies_in_the_middle_of_a_claim_is_followed_by_the_next_one(world):
    old, pid = holder(world)
    new = world.deploy(program(CLAIMANT), ADDRESS="mailer")
    old.prints("taken")
    old.kill()
    os.kill(pid, signal.SIGUSR1)
    new.prints("granted\n")


def test_a_claim_without_any_supervisor_fails_with_supervisor_lost(world, tmp_path):
    environment = {"SERVERSWAP_SOCKET": str(tmp_path / "nobody.sock"), "SERVERSWAP_GENERATION": "1-1"}
    command = world.start(program(CLAIMANT), ADDRESS="mailer", **environment)
    command.prints("refused supervisor_lost False")


def test_a_server_that_its_supervisor_has_left_is_swapped_by_the_next_command(world, port):
    for version in ("1", "2", "3"):
        command = world.leave(python("http_server.py"), ADDRESS=f":{port}", VERSION=version)
        assert command.exit() == 0, command.output
        assert ask(port).version == version
        assert len(world.servers()) == 1


def test_a_server_that_binds_for_itself_is_swapped(world, port):
    for version in ("1", "2"):
        command = world.leave(python("server.py"), ADDRESS=f":{port}", VERSION=version)
        assert command.exit() == 0, command.output
        assert ask(port).version == version


FAILS = """
import serverswap
serverswap.fail("no database")
"""

FAILS_IN_A_LOOP = """
import asyncio, serverswap.aio
asyncio.run(serverswap.aio.fail("no database"))
"""


@pytest.mark.parametrize("source", [FAILS, FAILS_IN_A_LOOP])
def test_a_deploy_that_says_fail_leaves_the_old_server_serving(world, port, source):
    old = world.deploy(python("http_server.py"), ADDRESS=f":{port}", VERSION="1")
    old.prints("up after")
    new = world.deploy(program(source))
    assert new.exit() == 121, new.output
    assert "no database" in new.output
    assert ask(port).version == "1"


REPORTS = """
import os, serverswap, threading

@serverswap.on_takedown("mailer")
def let_go():
    for connections in (2**53, 2**60, 2**64, 10**400):
        serverswap.progress("mailer", connections=connections)
    for extend in (1e18, float("inf"), 10**400):
        serverswap.progress("mailer", extend=extend)
    print("reported")

serverswap.ready_for("mailer")
serverswap.serving("mailer")
threading.Event().wait()
"""


def test_a_progress_beyond_every_limit_is_clamped(world):
    old = world.deploy(program(REPORTS))
    old.prints("up after")
    new = world.deploy(program(CLAIMANT), ADDRESS="mailer")
    new.prints("granted\n")
    old.prints("reported")
    assert "Error" not in old.output


STAGGERED = """
import serverswap, sys, threading
serverswap.on_takedown("first", print)
first = serverswap.ready_for("first", more=True)
serverswap.serving("first")
print("first served", file=sys.stderr)  # As the command does: lines of one pipe keep their order.
serverswap.ready_for("second", more=True)
serverswap.server_up()
threading.Event().wait()
"""


def test_a_staggered_server_is_up_when_it_says_so(world):
    command = world.leave(program(STAGGERED))
    assert command.exit() == 0, command.output
    lines = command.output.splitlines()
    done = next(number for number, line in enumerate(lines) if "done: first and second served" in line)
    assert lines.index("first served") < done


RAISES = """
import serverswap, threading

@serverswap.on_takedown("mailer")
def let_go():
    raise ZeroDivisionError("a fault of the server")

serverswap.ready_for("mailer")
serverswap.serving("mailer")
threading.Event().wait()
"""


def test_a_handler_that_raises_is_reported_and_its_server_is_ended_at_the_deadline(world):
    old = world.deploy(["--drain-timeout", "5s", *program(RAISES)])
    old.prints("up after")
    pid = world.servers()[0]
    new = world.deploy(program(CLAIMANT), ADDRESS="mailer")
    old.prints("ZeroDivisionError: a fault of the server")
    new.prints("granted\n")
    wait_for_exit(pid)
