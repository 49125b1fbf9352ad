"""What a caller may write, parsed once, at the edge."""

from __future__ import annotations

from ._errors import InvalidArgumentError
from ._native import Address


def address_of(address: str | int | Address) -> Address:
    """An address, parsed.

    :raises InvalidArgumentError: neither a text nor a port number
    :raises InvalidAddressError: a text that names no address
    """
    if isinstance(address, Address):
        return address
    if isinstance(address, bool) or not isinstance(address, (str, int)):
        raise wrong("an address is a string such as ':8080' or a port number", address)
    return Address(str(address))


def timeout_of(timeout: float | None) -> float | None:
    """A number of seconds, or ``None`` for no limit.

    :raises InvalidArgumentError: anything else
    """
    if timeout is None:
        return None
    seconds = _seconds(timeout, "a timeout is a number of seconds from 0 on, or None")
    # What is longer than the platform can wait is no limit.
    import threading

    return seconds if seconds <= threading.TIMEOUT_MAX else None


def extension_of(extend: float | None) -> float | None:
    """A number of seconds, or ``None`` for no extension.

    :raises InvalidArgumentError: anything else
    """
    return None if extend is None else _seconds(extend, "an extension is a number of seconds from 0 on, or None")


def _seconds(value: float, expected: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise wrong(expected, value)
    try:
        return float(value)
    except OverflowError:  # An integer of more than 300 digits.
        return float("inf")


def callable_of(function: object, what: str) -> None:
    """:raises InvalidArgumentError: it cannot be called"""
    if not callable(function):
        raise wrong(f"{what} is something to call", function)


def reason_of(reason: str) -> str:
    """:raises InvalidArgumentError: no text, or an empty one"""
    if not isinstance(reason, str) or not reason:
        raise wrong("the reason is a string that is not empty", reason)
    return reason


def wrong(expected: str, found: object) -> InvalidArgumentError:
    """A mistake in the program, always raised at once."""
    return InvalidArgumentError(f"{expected}, not {found!r}")
