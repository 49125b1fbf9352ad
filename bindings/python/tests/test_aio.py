"""asyncio and uvloop, with the real programs around them."""

import pytest
from support.load import Load
from support.programs import EXAMPLES, program

LOOPS = {
    "asyncio": "import asyncio",
    "uvloop": "import asyncio, uvloop; asyncio.run = lambda main: uvloop.new_event_loop().run_until_complete(main)",
}


@pytest.fixture(params=LOOPS)
def run_main(request):
    """Source that makes `asyncio.run` use the loop."""
    return LOOPS[request.param]


CLAIMS = """
import os, serverswap, serverswap.aio, threading
address = os.environ["ADDRESS"]

async def main():
    taken = asyncio.Event()

    @serverswap.aio.on_takedown(address)
    async def let_go(takedown):
        print("taken", takedown.reason, threading.current_thread() is threading.main_thread())
        taken.set()

    listener = await serverswap.aio.listen(address)
    await serverswap.aio.serving(address)
    print("serves", threading.active_count(), serverswap.supervised)
    await taken.wait()

asyncio.run(main())
"""


def test_a_takedown_is_told_in_the_loop_and_no_thread_is_started(world, port, run_main):
    source = run_main + CLAIMS
    old = world.deploy(program(source), ADDRESS=f":{port}")
    assert old.prints("serves") == "serves 1 True\n"
    new = world.deploy(program(source), ADDRESS=f":{port}")
    new.prints("serves")
    assert old.prints("taken") == "taken replaced True\n"
    assert old.exit() == 0


def test_a_swap_on_this_loop_loses_no_request(world, port, run_main):
    example = (EXAMPLES / "python" / "asyncio_server.py").read_text()
    command = [*program(f"{run_main}\nexec(compile({example!r}, 'asyncio_server.py', 'exec'))")]
    old = world.deploy(command, ADDRESS=f":{port}", VERSION="1")
    old.prints("up after")
    with Load(port) as load:
        load.start()
        load.answered_by(1)
        for version in (2, 3):
            new = world.deploy(command, ADDRESS=f":{port}", VERSION=str(version))
            assert old.exit() == 0, old.output
            load.answered_by(version)
            old = new
    assert load.failures == []


WAITS = """
import os, serverswap, serverswap.aio

async def main():
    claim = asyncio.ensure_future(serverswap.aio.ready_for("mailer", timeout=float(os.environ["TIMEOUT"])))
    await asyncio.wait([claim], timeout=float(os.environ["PATIENCE"]))
    claim.cancel()
    try:
        await claim
    except asyncio.CancelledError:
        print("cancelled")
    except serverswap.ClaimTimeoutError as error:
        print(error.code)
    # It was withdrawn: the same process may claim again.
    try:
        await serverswap.aio.ready_for("mailer", timeout=0)
    except serverswap.ClaimTimeoutError:
        print("withdrawn")

asyncio.run(main())
"""

HOLDS = """
import serverswap, threading
serverswap.on_takedown("mailer", threading.Event().wait)
serverswap.ready_for("mailer")
serverswap.serving("mailer")
threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("timeout", "patience", "outcome"), [("100", "0.2", "cancelled\n"), ("0.01", "100", "timeout\n")]
)
def test_a_claim_that_is_cancelled_or_late_is_withdrawn(world, run_main, timeout, patience, outcome):
    world.deploy(program(HOLDS)).prints("up after")
    new = world.deploy(program(run_main + WAITS), TIMEOUT=timeout, PATIENCE=patience)
    new.prints(outcome)
    new.prints("withdrawn\n")
