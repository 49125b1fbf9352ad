"""Swaps under load, with the real programs: nothing is refused, reset or lost."""

import pytest
from support.load import Load
from support.programs import LOWEST_SERVERS, SERVERS

PYTHON_SERVERS = [name for name in SERVERS if name != "Node"]
SWAPS = [[name] * 3 for name in [*PYTHON_SERVERS, *LOWEST_SERVERS]]
SWAPS += [["Node", name, "Node"] for name in PYTHON_SERVERS]
SWAPS += [["http.server", "asyncio", "aiohttp", "gunicorn", "uvicorn on uvloop", "Node", "http.server"]]


@pytest.mark.parametrize("names", SWAPS, ids=" then ".join)
def test_a_swap_under_load_loses_no_request(world, port, names):
    old = None
    with Load(port) as load:
        for version, name in enumerate(names, start=1):
            new = world.deploy({**SERVERS, **LOWEST_SERVERS}[name](port), ADDRESS=f":{port}", VERSION=str(version))
            if old is None:
                new.prints("up after")
                load.start()
            else:
                assert old.exit() == 0, old.output
            load.answered_by(version)
            old = new
    assert load.failures == []
