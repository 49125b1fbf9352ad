"""What the driver does with a granted address: connections, taken by asyncio as a program takes them.

On the listener that was passed, or on one that is opened here if the claim was a bind.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Coroutine
from typing import Any


class Serving:
    """The accept loops of one address and the connections that they have taken."""

    def __init__(self, listener: socket.socket | None, address: str, name: str) -> None:
        self._opened = open_listener(address) if listener is None else None
        self._listener = listener or self._opened
        self._name = name
        self._loops: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.Task[None]] = set()
        if self._listener:
            self._listener.setblocking(False)

    def start(self, loop: Coroutine[Any, Any, None]) -> None:
        """Runs an accept loop until :meth:`stop`."""
        task = asyncio.get_running_loop().create_task(loop)
        self._loops.add(task)
        task.add_done_callback(self._loops.discard)

    def stop(self) -> None:
        """Nothing more is accepted."""
        for task in self._loops:
            task.cancel()

    def close(self) -> None:
        """As :meth:`stop`, and the listener is closed if it is one of our own."""
        self.stop()
        if self._opened:
            self._opened.close()

    async def finished(self) -> None:
        """Waits until no connection is open."""
        if self._open:
            await asyncio.wait(self._open)

    async def echo(self) -> None:
        """Takes one connection, reads up to 64 bytes, and writes them back."""
        reader, writer = await self._accept()
        writer.write(await reader.read(64))
        writer.close()
        await writer.wait_closed()

    async def answer(self) -> None:
        """Answers HTTP until it is stopped."""
        while True:
            reader, writer = await self._accept()
            task = asyncio.get_running_loop().create_task(self._respond(reader, writer))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _accept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert self._listener, "a name has no connections"
        connection, _ = await asyncio.get_running_loop().sock_accept(self._listener)
        return await asyncio.open_connection(sock=connection)

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self._name)}\r\nConnection: close\r\n"
            writer.write(f"{head}Server-Pid: {os.getpid()}\r\n\r\n{self._name}".encode())
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()


def open_listener(address: str) -> socket.socket:
    """Binds a canonical address with a stream socket."""
    if address.startswith("unix:"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address[5:])
        listener.listen()
        return listener
    host, _, port = address.rpartition(":")
    if host and not host.startswith("["):
        return socket.create_server((host, int(port)))
    local = (host.strip("[]") or "::", int(port))
    return socket.create_server(local, family=socket.AF_INET6, dualstack_ipv6=not host)
