"""The exceptions: one class a kind, each with the ``code`` of the protocol.

Rules: a class that stands for something that Python has a class for is that, too
(``ClaimTimeoutError`` is a ``TimeoutError``); a code that this version does not know becomes an
``InternalError`` that carries it.
"""

from __future__ import annotations


class ServerSwapError(Exception):
    """What every exception of this package is. ``code`` is for programs, the text for people."""

    code: str = "internal"


class InternalError(ServerSwapError):
    """A fault of serverswap itself, or a code of a later version."""

    code = "internal"


# ---- mistakes of the program ---------------------------------------------------------------------


class InvalidArgumentError(ServerSwapError, TypeError):
    """An argument of a wrong kind."""

    code = "invalid_argument"


class InvalidAddressError(ServerSwapError, ValueError):
    """A text that names no address."""

    code = "invalid_address"


class InvalidEnvironmentError(ServerSwapError):
    """``SERVERSWAP_SOCKET`` or ``SERVERSWAP_GENERATION`` is not what a supervisor sets."""

    code = "invalid_environment"


class AlreadyClaimedError(ServerSwapError):
    """The address is claimed or held by this process."""

    code = "already_claimed"


class NotInheritableError(ServerSwapError):
    """A name has no socket: claim it without ``inherit``."""

    code = "not_inheritable"


class NotHeldError(ServerSwapError):
    """The address was not granted, or has been released."""

    code = "not_held"


class NotListeningError(ServerSwapError):
    """Nothing in this process or its children has the socket that was granted. The old server serves on."""

    code = "not_listening"


class FailedError(ServerSwapError):
    """After ``fail`` nothing can be claimed."""

    code = "failed"


class ForkedError(ServerSwapError):
    """This process is a forked child: the connection belongs to its parent."""

    code = "forked"


# ---- claims that fail ----------------------------------------------------------------------------


class ClaimTimeoutError(ServerSwapError, TimeoutError):
    """The claim was not answered within its ``timeout``, and was withdrawn."""

    code = "timeout"


class SupersededError(ServerSwapError):
    """A newer generation claims, was granted or serves the address."""

    code = "superseded"


class AddressInUseError(ServerSwapError):
    """A program that serverswap does not manage has the address; the text names it."""

    code = "address_in_use"


class AddressOverlapsError(ServerSwapError):
    """Another address of this directory is in the way, as ``:8080`` is of ``127.0.0.1:8080``; the text names it."""

    code = "address_overlaps"


class AddressNotPermittedError(ServerSwapError):
    """This user may not open the address."""

    code = "address_not_permitted"


class AddressNotAvailableError(ServerSwapError):
    """This machine does not have the address."""

    code = "address_not_available"


class ExhaustedError(ServerSwapError):
    """No descriptor, or no memory, was to be had."""

    code = "exhausted"


class StateNotWrittenError(ServerSwapError):
    """The arbiter cannot write its state, and so decides nothing."""

    code = "state_not_written"


class StoppingError(ServerSwapError):
    """The supervisor of this generation was asked to stop."""

    code = "stopping"


class WithdrawnError(ServerSwapError):
    """The claim was withdrawn by this server."""

    code = "withdrawn"


class NotPermittedError(ServerSwapError):
    """The arbiter does not speak with this user."""

    code = "not_permitted"


class SupervisorLostError(ServerSwapError):
    """Nobody has become the arbiter in time. What was held before is still held."""

    code = "supervisor_lost"


class ArbiterNotRespondingError(ServerSwapError):
    """An arbiter lives and does not answer."""

    code = "arbiter_not_responding"


class ProtocolError(ServerSwapError):
    """The two sides do not understand each other; ``code`` says in what."""

    code = "malformed_line"


# ---- accepting -----------------------------------------------------------------------------------


class TakenDownError(ServerSwapError, ConnectionAbortedError):
    """The address of this listener was taken: nothing more is accepted on it here."""

    code = "taken_down"


_PROTOCOL_CODES = (
    "malformed_line",
    "line_too_long",
    "invalid_message",
    "unknown_type",
    "descriptor_mismatch",
    "not_negotiated",
    "version_unsupported",
    "out_of_order",
    "id_reused",
    "other_pid_namespace",
    "too_many_connections",
)

_BY_CODE: dict[str, type[ServerSwapError]] = {
    **{kind.code: kind for kind in ServerSwapError.__subclasses__()},
    **dict.fromkeys(_PROTOCOL_CODES, ProtocolError),
}


def error_of(code: str, message: str) -> ServerSwapError:
    """The exception for a code."""
    error = _BY_CODE.get(code, InternalError)(message)
    if error.code != code:
        error.code = code
    return error
