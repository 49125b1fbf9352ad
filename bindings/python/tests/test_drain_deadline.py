"""The deadline of a drain leaves time for its end before the supervisor's TERM."""

import time

import pytest
from serverswap import Takedown
from serverswap._drain import Limits


def deadline_of(takedown, drain_timeout):
    return Limits(takedown, drain_timeout).drain


def framework_deadline_of(takedown, drain_timeout):
    return Limits(takedown, drain_timeout, framework=True).drain


def takedown(drain):
    return Takedown(":8080", "replaced", drain)


@pytest.mark.parametrize(
    ("deadline", "drain", "margin"),
    [
        (deadline_of, 30, 0.5),
        (deadline_of, 2, 0.2),
        (framework_deadline_of, 30, 0.8),
        (framework_deadline_of, 1, 0.2),
        (framework_deadline_of, 0, 0),
    ],
)
def test_it_is_sooner_than_the_supervisors_by_a_tenth_and_half_a_second_at_most(deadline, drain, margin):
    given = takedown(drain)
    assert deadline(given, None) == pytest.approx(given.deadline - margin)


def is_after(seconds, deadline):
    """Whether a deadline is so many seconds after now, which is between two readings of the clock."""
    before = time.monotonic()
    found = deadline()
    return before + seconds <= found <= time.monotonic() + seconds


def test_a_limit_of_the_server_itself_makes_it_sooner_and_never_later():
    given = takedown(1000)
    assert is_after(10, lambda: deadline_of(given, 10))
    assert deadline_of(given, 2000) == pytest.approx(given.deadline - 0.5)


def test_without_a_takedown_it_is_the_servers_own():
    assert is_after(10, lambda: deadline_of(None, 10))
    assert is_after(30, lambda: deadline_of(None, None))


def test_what_flows_has_the_time_of_streams_and_the_drain_at_least():
    given = Takedown(":8080", "replaced", 30, 600)
    limits = Limits(given, None)
    assert limits.stream - limits.drain == pytest.approx(570)
    assert limits.more == pytest.approx(600, abs=1)
    assert Limits(takedown(30), None).stream == pytest.approx(deadline_of(takedown(30), None), abs=1)
    assert Limits(given, 10).stream == pytest.approx(Limits(given, 10).drain)
