"""The socket of a scripted arbiter: Node cannot send descriptors, Python can.

usage: arbiter.py SOCKET

What a client sends on SOCKET is written to stdout, line by line; each line of stdin
{"send": {...}, "attach": ["/path/of/listener", ...]} is sent to the client, with a listener
on each of those paths attached. It decides nothing: the test does.
"""

import array
import json
import os
import selectors
import socket
import sys

listeners = {}


def listener(path):
    if path not in listeners:
        listeners[path] = socket.socket(socket.AF_UNIX)
        listeners[path].bind(path)
        listeners[path].listen(4096)
        listeners[path].setblocking(False)
    return listeners[path]


def send(client, command):
    line = (json.dumps(command["send"]) + "\n").encode()
    fds = array.array("i", [listener(path).fileno() for path in command.get("attach", [])])
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else []
    client.sendmsg([line], ancillary)


def lines(fd):
    """Calls back with each whole line that arrives; at the end with None."""
    held = b""
    while True:
        read = os.read(fd, 65536)
        if not read:
            yield None
            return
        *whole, held = (held + read).split(b"\n")
        for line in whole:
            yield line
        yield b""


def write(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path + ".new")
    server.listen(16)
    # In the place of one that was there before.
    os.rename(path + ".new", path)
    write('{"type":"bound"}')
    waiting = selectors.DefaultSelector()
    waiting.register(server, selectors.EVENT_READ, "server")
    waiting.register(0, selectors.EVENT_READ, lines(0))
    client = None
    while True:
        for key, _ in waiting.select():
            if key.data == "server":
                client = server.accept()[0]
                waiting.register(client, selectors.EVENT_READ, lines(client.fileno()))
                write('{"type":"connected"}')
                continue
            for line in key.data:
                if line is None and key.fd == 0:
                    return
                if line is None:
                    waiting.unregister(client)
                    write('{"type":"ended"}')
                    break
                if line == b"":
                    break
                if key.fd == 0:
                    send(client, json.loads(line))
                else:
                    write(line.decode())


main(sys.argv[1])
