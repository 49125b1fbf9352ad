"""Swaps under load, with the real programs: nothing is refused, reset or lost."""

import pytest
from support.load import Load
from support.programs import node, python

PYTHON_SERVERS = ["http_server.py", "asyncio_server.py"]
THREE = [
    pytest.param([python(script)] * 3, id=f"{script} three times") for script in PYTHON_SERVERS
]
MIXED = [
    pytest.param([python("http_server.py"), node("http.js"), python("http_server.py")], id="threads and Node"),
    pytest.param([python("asyncio_server.py"), node("http.js"), python("asyncio_server.py")], id="asyncio and Node"),
]


@pytest.mark.parametrize("commands", THREE + MIXED)
def test_a_swap_under_load_loses_no_request(world, port, commands):
    first, *later = commands
    old = world.deploy(first, ADDRESS=f":{port}", VERSION="1")
    old.prints("is up")
    with Load(port) as load:
        load.answered_by(1)
        for version, command in enumerate(later, start=2):
            new = world.deploy(command, ADDRESS=f":{port}", VERSION=str(version))
            assert old.exit() == 0, old.output
            load.answered_by(version)
            old = new
    assert load.failures == []
    assert len(world.servers()) == 1
