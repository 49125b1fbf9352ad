"""A forked child has the sockets of its parent and not its connection."""

from support.programs import program

FORKS = """
import os, serverswap, socket, sys, threading

def kinds():
    links = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
    return sorted(link.split("[")[-1].rstrip("]") for link in links if "anon_inode" in link), sum("socket" in link for link in links)

sockets_before = kinds()[1]
listener = serverswap.listen(os.environ["ADDRESS"])
parent = kinds()
child = os.fork()
if child == 0:
    codes = []
    for word in (
        lambda: serverswap.listen(":1"),
        lambda: serverswap.serving(os.environ["ADDRESS"]),
        lambda: serverswap.released(os.environ["ADDRESS"]),
        lambda: serverswap.on_takedown(":1", print),
        lambda: serverswap.fail("as a child"),
        serverswap.server_up,
    ):
        try:
            word()
        except serverswap.ForkedError as error:
            codes.append(error.code)
    # The listener that was handed out, and neither the connection nor its duplicate.
    inodes, sockets = kinds()
    print("child", len(codes), set(codes), inodes, sockets - sockets_before, listener.fileno() >= 0)
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
assert kinds() == parent
serverswap.serving(os.environ["ADDRESS"])
print("parent", parent[1] - sockets_before)
threading.Event().wait()
"""


def test_a_child_gets_forked_errors_and_none_of_the_descriptors(world, port):
    command = world.deploy(program(FORKS), ADDRESS=f":{port}")
    assert command.prints("child") == "child 6 {'forked'} [] 1 True\n"
    assert command.prints("parent") == "parent 3\n"
    command.prints("up after")


FORKS_OFTEN = """
import os, serverswap, threading

listener = serverswap.listen(os.environ["ADDRESS"])
for _ in range(50):
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
serverswap.serving(os.environ["ADDRESS"])
print("forked")
threading.Event().wait()
"""


def test_the_parent_goes_on_being_heard(world, port):
    command = world.deploy(program(FORKS_OFTEN), ADDRESS=f":{port}")
    command.prints("forked")
    command.prints("up after")
