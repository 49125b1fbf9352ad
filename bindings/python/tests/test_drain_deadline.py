"""The deadline of a drain leaves time for its end before the supervisor's TERM."""

import time

import pytest
from serverswap import Takedown
from serverswap._drain import DRAIN_DEFAULT, ENDING_MAX, deadline_of


def takedown(drain):
    return Takedown(":8080", "replaced", drain)


@pytest.mark.parametrize(
    ("drain", "ending", "margin"),
    [(30, 0, 0.5), (2, 0, 0.2), (30, ENDING_MAX, 0.8), (1, ENDING_MAX, 0.2), (0, ENDING_MAX, 0)],
    ids=lambda value: str(value),
)
def test_it_is_sooner_than_the_supervisors_by_a_tenth_and_half_a_second_at_most(drain, ending, margin):
    given = takedown(drain)
    assert deadline_of(given, None, ending=ending) == pytest.approx(given.deadline - margin)


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
    assert is_after(DRAIN_DEFAULT, lambda: deadline_of(None, None))
