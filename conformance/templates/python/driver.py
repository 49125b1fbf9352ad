#!/usr/bin/env python3
"""Wraps a client of the serverswap protocol for serverswap-conformance.

Commands come on standard input, replies and events go to standard output, one JSON object a line; logs go to standard
error. The words are explained in conformance/contract/v1/README.md. What is missing here is marked with "your client".
"""
import json
import os
import sys

# your client: import it here.


def write(line):
    print(json.dumps(line), flush=True)


def event(kind, **fields):
    """What comes of a command later: event("granted", op=op, address=":8080", listener=True)."""
    write({"event": kind, **fields})


def hello(command):
    client = {"name": "your-client", "version": "0.1.0", "language": "python"}
    # level: what you claim, 0 to 3. supports: codec, inherit, serve, fork, reconnect, more, as far as you are.
    return {"contract": 1, "client": client, "protocol": [1], "level": 1, "supports": []}


def connect(command):
    # your client: set it up from the environment, and have its outcomes call event().
    return {"supervised": bool(os.environ.get("SERVERSWAP_SOCKET"))}


def sync(command):
    # your client: process everything that is readable now, and write every event that follows, before this returns.
    return {}


def close(command):
    # your client: drop it, so that its connection closes; if there is none, there is nothing to do.
    return {}


# your client: a function for each further command. An exception whose `code` is a code of the protocol, or one of
# already_claimed, not_held, not_inheritable, invalid_address, failed and forked, is reported with it.
#
# def readyFor(command):
#     claim(command["address"], inherit=command["socket"] == "inherit", more=command.get("more", False))
#     return {}

COMMANDS = {"hello": hello, "connect": connect, "sync": sync, "close": close}


def answer(command):
    does = COMMANDS.get(command["cmd"])
    if does is None:
        return {"unsupported": True, "why": f"`{command['cmd']}` is not written yet"}
    try:
        return {"ok": True, **does(command)}
    except Exception as error:
        return {"errored": True, "code": getattr(error, "code", "internal"), "message": str(error)}


for line in sys.stdin:
    command = json.loads(line)
    write({"seq": command["seq"], **answer(command)})
# your client: close everything. The end of standard input is the end of the driver, with status 0 within 2 seconds.
