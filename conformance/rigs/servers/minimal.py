"""A minimal client of the protocol: says what it must, and never comes back when its connection ends.

It stays as long as nobody ends it, and serves; at TERM it stops accepting and answers what it has accepted.
With POOL it has a child, as a pool of processes has, which has inherited the listener and accepts nothing.
"""
import array, http.server, json, os, signal, socket, threading


def connect():
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(os.environ["SERVERSWAP_SOCKET"])
    return link


def say(link, **message):
    link.sendall(json.dumps(message).encode() + b"\n")


def hear(link, wanted):
    """The descriptors of the first line of this type."""
    buffer, fds = b"", array.array("i")
    while True:
        data, ancillary, _, _ = link.recvmsg(65536, socket.CMSG_SPACE(4 * fds.itemsize))
        for _, _, control in ancillary:
            fds.frombytes(control)
        buffer += data
        *lines, buffer = buffer.split(b"\n")
        if any(json.loads(line)["type"] == wanted for line in lines):
            return fds


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Pid", str(os.getpid()))
        self.send_header("Version", os.environ["VERSION"])
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # every one is waited for at the end

    def get_request(self):
        connection, address = super().get_request()
        connection.setblocking(True)
        return connection, address


address = os.environ["ADDRESS"]
link = connect()
hear(link, "greeting")
say(link, type="hello", id=1, version=1, client={"name": "minimal", "version": "1"}, role="server",
    generation=os.environ["SERVERSWAP_GENERATION"], holding=[])
hear(link, "welcome")
say(link, type="readyFor", id=2, address=address, socket="inherit")
server = Server(("", 0), Answers, bind_and_activate=False)
server.socket = socket.socket(fileno=hear(link, "granted")[0])


if os.environ.get("POOL") and os.fork() == 0:
    signal.pause()


def end():
    signal.sigwait({signal.SIGTERM})
    server.shutdown()


# Not by a handler: it would run in the middle of whatever the accept loop does, and wait for that.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
threading.Thread(target=end, daemon=True).start()
say(link, type="serving", address=address)
print("version", os.environ["VERSION"], "serves", address, flush=True)
server.serve_forever()
server.server_close()
