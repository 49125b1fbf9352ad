"""Plays the arbiter for the text's server and prints what was said, one conversation after the other.

1. A grant that arrives together with a message from the future; then the arbiter dies.
2. Another arbiter: the server comes back with its listener; a barrier, an unknown request; it dies, too.
3. A third one takes the address down.
The server is asked over TCP in between: it never stops to answer.
"""
import json, os, socket, sys, tempfile, threading

import text_client

folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "serverswap.sock")
os.environ.update(SERVERSWAP_SOCKET=path, SERVERSWAP_GENERATION="81234567890-4711")
listener = socket.create_server(("127.0.0.1", 0))
listener.setblocking(False)
address = "127.0.0.1:%d" % listener.getsockname()[1]

class Arbiter:
    def __init__(self, pid):
        door = socket.socket(socket.AF_UNIX)
        door.bind(path + ".new")
        door.listen()
        os.rename(path + ".new", path)
        self.peer, _ = door.accept()
        self.peer.settimeout(10)
        door.close()
        self.buffer, self.fds, self.said = b"", [], []
        self.say({"type": "greeting", "versions": [1, 2], "arbiter": {"name": "scripted", "version": "1", "pid": pid},
                  "capabilities": {}, "limits": {"lineBytes": 65536, "fdsPerLine": 128}, "motd": None})

    def say(self, *lines, fds=()):
        self.said += [["arbiter", line] for line in lines]
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        socket.send_fds(self.peer, [data], fds) if fds else self.peer.sendall(data)

    def hear(self, kind):
        """The next line; `onTakedown` may come at any time."""
        line = self.next_line()
        while line["type"] == "onTakedown":
            line = self.next_line()
        assert line["type"] == kind, f"{kind} was expected: {line}"
        return line

    def next_line(self):
        while b"\n" not in self.buffer:
            data, fds, _, _ = socket.recv_fds(self.peer, 65536, 253)
            assert data, "the client left"
            self.buffer, self.fds = self.buffer + data, self.fds + fds
        text, _, self.buffer = self.buffer.partition(b"\n")
        line = json.loads(text)
        self.said.append(["client", line])
        return line

    def leave(self):
        print("\n".join(json.dumps(each) for each in self.said), end="\n\n")
        os.unlink(path)
        self.peer.close()

def ask():
    with socket.create_connection(listener.getsockname(), 10) as connection:
        connection.sendall(b"?")
        assert connection.recv(99) == b"served"

failures = []
def serve():
    try:
        text_client.serve(text_client.Client(), address, lambda request: b"served")
    except BaseException as failure:
        failures.append(failure)
        raise
server = threading.Thread(target=serve, daemon=True)
server.start()

first = Arbiter(1)
hello = first.hear("hello")
assert hello["holding"] == [] and not first.fds
first.say({"type": "welcome", "re": hello["id"], "version": 1, "generation": hello["generation"], "capabilities": {}})
claim = first.hear("readyFor")
first.say({"type": "progress", "re": claim["id"], "waitingFor": "the test"}, {"type": "steered", "percent": [10]})
first.say({"type": "granted", "re": claim["id"], "address": address, "fds": ["listener"]}, fds=[listener.fileno()])
first.hear("serving")
ask()
first.leave()
ask()

second = Arbiter(2)
hello = second.hear("hello")
assert hello["holding"] == [{"address": address, "serving": True, "onTakedown": True}], hello
assert hello["fds"] == [address] and socket.socket(fileno=second.fds.pop()).getsockname() == listener.getsockname()
second.say({"type": "welcome", "re": hello["id"], "version": 1, "generation": hello["generation"], "capabilities": {}})
second.say({"type": "ping", "id": 1}, {"type": "reload", "id": 2})
assert second.hear("pong")["re"] == 1
assert second.hear("error")["code"] == "unknown_type"
second.leave()
ask()

third = Arbiter(3)
hello = third.hear("hello")
third.say({"type": "welcome", "re": hello["id"], "version": 1, "generation": hello["generation"], "capabilities": {}})
third.say({"type": "takedown", "id": 1, "address": address, "reason": "replaced", "drainMs": 1000})
assert third.hear("released") == {"type": "released", "re": 1, "address": address}
third.leave()
server.join(10)
if failures or server.is_alive():
    sys.exit(f"the server did not end well: {failures}")
