"""What is called in a wrong way is refused with a class and a code of its own, and changes nothing."""

import asyncio
import os
import socketserver
import subprocess

import pytest
import serverswap
import serverswap.aio
import serverswap.socketserver
from serverswap._arguments import extension_of
from support.programs import program

WRONG_ADDRESSES = [None, 8080.5, b":8080", [":8080"], True, object()]
NO_ADDRESSES = ["", ":", ":0", ":65536", "-1", "::", "unix:", "unix:relative", "udp:", "a b", "\0", "ä:80"]
WORDS = [
    serverswap.ready_for,
    serverswap.listen,
    serverswap.serving,
    serverswap.released,
    serverswap.progress,
    lambda address: serverswap.on_takedown(address, print),
    lambda address: serverswap.aio.on_takedown(address, print),
    lambda address: asyncio.run(serverswap.aio.listen(address)),
    lambda address: asyncio.run(serverswap.aio.serving(address)),
    lambda address: serverswap.aio.StreamServer(print, address),
]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("address", WRONG_ADDRESSES)
def test_an_address_of_a_wrong_kind_is_a_type_error(word, address):
    with pytest.raises(TypeError) as raised:
        word(address)
    assert raised.value.code == "invalid_argument"


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_a_text_that_names_no_address_is_a_value_error(word, address):
    with pytest.raises(ValueError) as raised:
        word(address)
    assert raised.value.code == "invalid_address"


@pytest.mark.parametrize("timeout", [-1, "1", float("nan"), True, object()])
def test_a_timeout_that_is_none_is_refused_before_anything_is_claimed(port, timeout):
    for word in (serverswap.ready_for, serverswap.listen):
        with pytest.raises(serverswap.InvalidArgumentError):
            word(port, timeout=timeout)
    with pytest.raises(serverswap.NotHeldError):
        serverswap.released(port)


def test_a_callback_and_a_handler_must_be_callable(port):
    with pytest.raises(serverswap.InvalidArgumentError):
        serverswap.ready_for(port, "start")
    with pytest.raises(serverswap.InvalidArgumentError):
        serverswap.on_takedown(port, 7)
    with pytest.raises(serverswap.InvalidArgumentError):
        serverswap.aio.on_takedown(port)(7)


@pytest.mark.parametrize("reason", ["", None, 7, b"no database"])
def test_a_reason_is_a_text(reason):
    with pytest.raises(serverswap.InvalidArgumentError):
        serverswap.fail(reason)


@pytest.mark.parametrize("connections", [-1, 1.5, "many", True])
def test_a_number_of_connections_is_a_count(port, connections):
    with pytest.raises(serverswap.InvalidArgumentError):
        serverswap.progress(port, connections=connections)


@pytest.mark.parametrize("extend", [-1, float("nan"), "1", True])
def test_an_extension_is_a_number_of_seconds(port, extend):
    with pytest.raises(serverswap.InvalidArgumentError):
        serverswap.progress(port, extend=extend)


@pytest.mark.parametrize("extend", [1e18, float("inf"), 10**400])
def test_an_extension_without_an_end_is_the_longest_one_and_not_none(extend):
    assert extension_of(extend) >= 1e18


def test_a_claim_made_twice_is_refused_and_the_first_one_stays(port):
    with serverswap.listen(port) as listener:
        with pytest.raises(serverswap.AlreadyClaimedError):
            serverswap.listen(port)
        serverswap.serving(port)
        assert listener.getsockname()[1] == port
    serverswap.released(port)


def test_what_is_refused_leaves_no_descriptor_behind(port):
    def descriptors_after_a_round():
        with serverswap.listen(port):
            for word in (serverswap.listen, serverswap.ready_for):
                with pytest.raises(serverswap.AlreadyClaimedError):
                    word(port)
        serverswap.released(port)
        return len(os.listdir("/proc/self/fd"))

    first = descriptors_after_a_round()
    assert [descriptors_after_a_round() for _ in range(20)] == [first] * 20


def test_words_about_an_address_that_is_not_held_say_so(port):
    for word in (serverswap.serving, serverswap.released, serverswap.progress):
        with pytest.raises(serverswap.NotHeldError) as raised:
            word(port)
        assert raised.value.code == "not_held"


@pytest.mark.parametrize("word", [serverswap.serving, lambda port: serverswap.server_up()])
def test_a_socket_that_nobody_has_any_more_is_not_said_to_be_served(port, word):
    serverswap.listen(port).close()
    with pytest.raises(serverswap.NotListeningError, match=str(port)):
        word(port)
    serverswap.released(port)


def test_a_socket_that_a_child_has_is_served(port):
    with serverswap.listen(port) as listener:
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[listener.fileno()])
    with child:
        serverswap.serving(port)
        child.communicate()
    serverswap.released(port)


def test_a_name_has_no_socket():
    with pytest.raises(serverswap.NotInheritableError):
        serverswap.listen("mailer")


def test_a_callback_that_raises_raises_in_the_caller(port):
    def start():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        serverswap.ready_for(port, start)
    serverswap.released(port)


def test_a_server_that_listens_already_or_is_none_is_refused(port):
    with pytest.raises(serverswap.InvalidArgumentError):
        serverswap.socketserver.serve(object(), port)
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        with pytest.raises(serverswap.InvalidArgumentError):
            serverswap.socketserver.serve(server, port)


def run(source, **environment):
    """What a program of its own prints."""
    done = subprocess.run(
        program(source), env={**os.environ, **environment}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


AFTER_FAIL = """
import asyncio, serverswap, serverswap.aio
serverswap.fail("no database")
for word in (serverswap.ready_for, serverswap.listen, lambda address: asyncio.run(serverswap.aio.listen(address))):
    try:
        word(":12345")
    except serverswap.FailedError as error:
        print(error.code)
serverswap.fail("no database")
serverswap.server_up()
"""


def test_after_fail_nothing_can_be_claimed():
    assert run(AFTER_FAIL) == ["failed"] * 3


BAD_ENVIRONMENT = """
import serverswap
for word in (lambda: serverswap.listen(":12345"), serverswap.server_up):
    try:
        word()
    except serverswap.InvalidEnvironmentError as error:
        print(error.code)
"""


@pytest.mark.parametrize(
    "environment",
    [
        {"SERVERSWAP_SOCKET": "relative/path"},
        {"SERVERSWAP_SOCKET": "/tmp/serverswap.sock", "SERVERSWAP_GENERATION": ""},
        {"SERVERSWAP_SOCKET": "/tmp/serverswap.sock", "SERVERSWAP_GENERATION": "seven"},
    ],
)
def test_what_no_supervisor_sets_is_named(environment):
    assert run(BAD_ENVIRONMENT, **environment) == ["invalid_environment"] * 2


def test_every_exception_has_a_code_of_its_own_and_is_one_of_ours():
    classes = [getattr(serverswap, name) for name in serverswap.__all__ if name.endswith("Error")]
    codes = [error.code for error in classes if error is not serverswap.ServerSwapError]
    assert len(set(codes)) == len(codes)
    assert all(issubclass(error, serverswap.ServerSwapError) for error in classes)
    assert not any(issubclass(error, RuntimeError) for error in classes)
