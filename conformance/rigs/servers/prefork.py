"""A server that forks two workers, each of which claims; one more for every SIGUSR2.

It ends when its workers have ended, or at TERM.
"""

import os
import runpy
import signal
import sys

EXAMPLE = os.path.join(os.path.dirname(__file__), "../../../examples/python/http_server.py")


def fork(*_):
    if os.fork() == 0:
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
        runpy.run_path(EXAMPLE)
        sys.stdout.flush()
        os._exit(0)


signal.signal(signal.SIGUSR2, fork)
fork()
fork()
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
