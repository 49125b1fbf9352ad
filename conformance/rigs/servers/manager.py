"""A service manager in small: it starts COMMAND as systemd does the main process of a unit, and is told how it is.

    manager.py [--listen ADDRESS:PORT] COMMAND…

It keeps descriptors (`FDSTORE=1`) and passes them, and the listener of a `.socket` unit and a pipe, at every start. Only the main
process is listened to. HUP: as `systemctl restart`. USR1: every process is killed at once, as by an OOM kill; USR2: the
command is started after that. TERM: as `systemctl stop`. Each thing that happens is a line on stdout.
"""

import array
import os
import select
import signal
import socket
import struct
import sys

SCM_CREDENTIALS = 2
FIRST = 3

arguments = sys.argv[1:]
unit = []
if arguments[0] == "--listen":
    host, port = arguments[1].rsplit(":", 1)
    listener = socket.create_server((host, int(port)))
    other, _ = os.pipe()
    unit, arguments = [("shop.socket", listener.fileno()), ("other", other)], arguments[2:]

inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
inbox.bind("")
address = "@" + inbox.getsockname()[1:].decode()
store = []  # (name, descriptor)
main = None
wakeup, waker = os.pipe()
os.set_blocking(waker, False)
signal.set_wakeup_fd(waker)
for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGCHLD):
    signal.signal(number, lambda *_: None)


def say(text):
    print(text, flush=True)


def start():
    """With what it is passed from descriptor 3 on."""
    global main
    passed = unit + store
    main = os.fork()
    if main == 0:
        # First out of the way of where they go.
        high = [os.dup2(descriptor, 100 + index) for index, (_, descriptor) in enumerate(passed)]
        for index, descriptor in enumerate(high):
            os.dup2(descriptor, FIRST + index)
        os.closerange(FIRST + len(passed), 4096)
        environment = dict(os.environ, NOTIFY_SOCKET=address, FDSTORE="16")
        environment["SYSTEMD_EXEC_PID"] = str(os.getpid())
        if passed:
            environment["LISTEN_PID"] = str(os.getpid())
            environment["LISTEN_FDS"] = str(len(passed))
            environment["LISTEN_FDNAMES"] = ":".join(name for name, _ in passed)
        os.execvpe(arguments[0], arguments, environment)
    say(f"started {main} passed {[name for name, _ in passed]}")


def descendants(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in open(f"/proc/{pid}/task/{task}/children").read().split():
                found += [int(child), *descendants(int(child))]
    except OSError:
        pass
    return found


def kill_all():
    """Each is stopped first, so that nobody sees the end of another."""
    everybody, seen = [main], set()
    while everybody:
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
            seen.add(pid)
        everybody = [pid for pid in descendants(main) if pid not in seen]
    for pid in seen:
        os.kill(pid, signal.SIGKILL)


def receive():
    message, ancillary, _, _ = inbox.recvmsg(4096, socket.CMSG_SPACE(64 * 4) + socket.CMSG_SPACE(12))
    descriptors, sender = array.array("i"), None
    for level, kind, data in ancillary:
        if kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) // 4 * 4])
        elif kind == SCM_CREDENTIALS:
            sender = struct.unpack("iII", data)[0]
    lines = dict(line.split("=", 1) for line in message.decode().split("\n"))
    name = lines.get("FDNAME")
    if sender != main:
        say(f"not listened to: {sender}")
    elif "FDSTORE" in lines:
        for descriptor in descriptors:
            store.append((name, os.dup(descriptor)))
            say(f"stored {name}")
    elif "FDSTOREREMOVE" in lines:
        for one in [one for one in store if one[0] == name]:
            store.remove(one)
            os.close(one[1])
            say(f"removed {name}")
    elif "BARRIER" not in lines and "WATCHDOG" not in lines:
        say("told " + " ".join(f"{key}={value}" for key, value in lines.items()))
    for descriptor in descriptors:
        os.close(descriptor)


start()
after_end = "end"
while True:
    ready, _, _ = select.select([inbox, wakeup], [], [])
    if inbox in ready:
        receive()
        continue
    for number in os.read(wakeup, 64):
        if number == signal.SIGHUP:
            after_end = "start"
            os.kill(main, signal.SIGTERM)
        elif number == signal.SIGUSR1:
            after_end = "wait"
            kill_all()
        elif number == signal.SIGUSR2:
            start()
        elif number == signal.SIGTERM:
            after_end = "end"
            os.kill(main, signal.SIGTERM)
        elif number == signal.SIGCHLD and main is not None:
            pid, status = os.waitpid(main, os.WNOHANG)
            if pid == main:
                main = None
                say(f"ended {os.waitstatus_to_exitcode(status)}")
                if after_end == "end":
                    sys.exit(0)
                if after_end == "start":
                    after_end = "end"
                    start()
