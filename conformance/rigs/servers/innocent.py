"""A process that has nothing to do with serverswap, and says so if it gets a signal.

With a port it listens there, in a network of its own; with a pid it becomes the process that has this pid, which
must be free: clone3(2) with `set_tid`, for root only.
"""
import ctypes, os, signal, socket, struct, sys

SYS_CLONE3 = 435  # on every architecture


def with_pid(pid):
    """A child with this pid goes on from here; its parent waits for it."""
    wanted = ctypes.c_int(pid)
    # struct clone_args: exit_signal is its fifth word, set_tid and its size are its ninth and tenth.
    words = struct.pack("=11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(wanted), 1, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    child = libc.syscall(SYS_CLONE3, words, ctypes.c_size_t(len(words)))
    if child < 0:
        print(f"cannot be pid {pid}:", os.strerror(ctypes.get_errno()), flush=True)
        sys.exit(1)
    if child > 0:
        os.waitpid(child, 0)
        sys.exit()


port, pid = int(sys.argv[1]), int(sys.argv[2])
if pid:
    with_pid(pid)
listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) if port else None
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, lambda number, _: print("got", signal.Signals(number).name, flush=True))
print("minds its own business as pid", os.getpid(), flush=True)
while True:
    signal.pause()
