"""What every test may ask for."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support.world import World, free_port  # noqa: E402


@pytest.fixture
def world(tmp_path):
    """A runtime directory; what was started in it is ended with the test."""
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def port():
    """A free port."""
    return free_port()
