"""Which processes have a socket: what is compared with a grant before ``serving``.

Deliberately by the kernel's word and not by the objects of the program, which may have handed a descriptor to
a framework, or to processes of its own.
"""

from __future__ import annotations

import os


def inode_of(fd: int) -> int:
    """What names the socket behind a descriptor, the same in every process."""
    return os.fstat(fd).st_ino


def is_open(inode: int, *, spare: int) -> bool:
    """Whether this process, or one that descends from it, has a descriptor of the socket.

    :param spare: how many of this process's own do not count
    """
    own = os.getpid()
    if _count(own, inode) > spare:
        return True
    return any(_count(pid, inode) > 0 for pid in _descendants(own))


def _count(pid: int, inode: int) -> int:
    link, count = f"socket:[{inode}]", 0
    folder = f"/proc/{pid}/fd"
    try:
        for name in os.listdir(folder):
            try:
                count += os.readlink(f"{folder}/{name}") == link
            except FileNotFoundError:  # Closed since; also the one that lists the folder.
                pass
    except OSError:  # It has ended.
        pass
    return count


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    folder = f"/proc/{pid}/task"
    try:
        for thread in os.listdir(folder):
            with open(f"{folder}/{thread}/children") as children:
                for child in map(int, children.read().split()):
                    found += [child, *_descendants(child)]
    except OSError:  # It has ended.
        pass
    return found
