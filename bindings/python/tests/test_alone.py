"""Without a supervisor the same program runs: every claim is granted at once."""

import asyncio
import socket

import pytest
import serverswap
import serverswap.aio
from support.http import Connection
from support.programs import python


@pytest.fixture
def address(port):
    """Given up after the test."""
    address = f"127.0.0.1:{port}"
    yield address
    try:
        serverswap.released(address)
    except serverswap.NotHeldError:
        pass


def test_there_is_no_supervisor():
    assert (serverswap.supervised, serverswap.generation) == (False, None)


def test_listen_gives_a_socket_that_serves(address, port):
    with serverswap.listen(address) as listener:
        serverswap.serving(address)
        with socket.create_connection(("127.0.0.1", port)), listener.accept()[0]:
            pass


def test_an_address_may_be_a_port_number(port):
    with serverswap.listen(port) as listener:
        assert listener.getsockname()[1] == port
    serverswap.released(port)


def test_ready_for_binds_nothing_by_itself(address, port):
    assert serverswap.ready_for(address) is None
    with socket.create_server(("127.0.0.1", port)):
        serverswap.serving(address)


def test_the_callback_is_called_with_the_socket_if_it_wants_it(address):
    seen = []
    listener = serverswap.ready_for(address, seen.append, inherit=True)
    assert seen == [listener]
    listener.close()


def test_the_callback_is_called_without_arguments_if_it_takes_none(address):
    seen = []
    serverswap.ready_for(address, lambda: seen.append("called"))
    assert seen == ["called"]


def test_server_up_says_serving_for_every_granted_address(address):
    serverswap.ready_for(address)
    serverswap.server_up()
    serverswap.serving(address)


def test_a_handler_may_be_registered_with_a_decorator(address):
    @serverswap.on_takedown(address)
    def let_go():
        raise AssertionError("nobody takes it")

    assert callable(let_go)


def test_an_address_can_be_claimed_again_after_it_was_given_up(address):
    for _ in range(2):
        serverswap.listen(address).close()
        serverswap.released(address)


def test_the_same_words_are_coroutines_in_aio(address):
    async def main():
        with await serverswap.aio.listen(address) as listener:
            assert listener.gettimeout() == 0.0
            await serverswap.aio.serving(address)
            await serverswap.aio.server_up()
            await serverswap.aio.progress(address, connections=3)
            await serverswap.aio.released(address)

    asyncio.run(main())


def test_an_address_of_another_program_is_named(port):
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(serverswap.AddressInUseError, match=str(port)) as raised:
            serverswap.listen(f"127.0.0.1:{port}")
    assert raised.value.code == "address_in_use"


@pytest.mark.parametrize("script", ["http_server.py", "asyncio_server.py", "server.py"])
def test_an_example_runs_without_serverswap(world, port, script):
    command = world.start(python(script), ADDRESS=f":{port}", VERSION="7")
    with connected(port, command) as connection:
        assert connection.ask().version == "7"


def connected(port, command):
    """As soon as it listens; it must not have ended by then."""
    while True:
        try:
            return Connection(port)
        except ConnectionRefusedError:
            assert command.runs(), command.output
