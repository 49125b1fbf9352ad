"""A drain answers every connection that was accepted, and says with the answer that it was the last."""

import pytest
from support.http import Connection, ask
from support.programs import IMPATIENT_SERVERS, SERVERS
from support.world import has_stopped_listening


@pytest.fixture(params=IMPATIENT_SERVERS)
def command(request, port):
    """What starts the server, each version with the same words."""
    return SERVERS[request.param](port)


@pytest.fixture
def old(world, command, port):
    """Version 1, which serves."""
    return world.first(command, port)


def accepted(port):
    """A connection that the server has accepted, and on which nothing was said."""
    silent = Connection(port)
    # Connections are accepted in their order: when this one is answered, the one before is accepted.
    assert ask(port).version == "1"
    return silent


def test_a_silent_connection_is_answered_and_then_closed(world, command, port, old):
    with accepted(port) as silent:
        world.swap(command, port, old)
        answer = silent.ask()
        assert (answer.version, answer.closes, silent.ends()) == ("1", True, True)
    assert old.exit() == 0


def test_an_idle_kept_connection_is_answered_once_more_and_then_closed(world, command, port, old):
    with Connection(port) as idle:
        assert not idle.ask().closes
        world.swap(command, port, old)
        answer = idle.ask()
        assert (answer.version, answer.closes, idle.ends()) == ("1", True, True)
    assert old.exit() == 0


@pytest.mark.parametrize("server", IMPATIENT_SERVERS)
def test_a_connection_on_which_nothing_ever_comes_is_closed_at_the_drain_deadline(world, port, server):
    command = IMPATIENT_SERVERS[server](port)
    old = world.first(command, port)
    with accepted(port) as silent:
        world.swap(command, port, old)
        assert silent.ends()
    assert old.exit() == 0
    assert "TERM" not in old.output


def test_the_old_server_exits_at_once_when_nothing_is_open(world, command, port, old):
    world.swap(command, port, old)
    assert old.exit() == 0


def test_a_server_that_is_asked_to_stop_finishes_what_is_open(world, command, port, old):
    with accepted(port) as silent:
        old.terminate()
        has_stopped_listening(old.server)
        answer = silent.ask()
        assert (answer.version, answer.closes, silent.ends()) == ("1", True, True)
    assert old.exit() == 0
    assert world.servers() == []
