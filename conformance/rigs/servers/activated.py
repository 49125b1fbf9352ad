"""Takes the listener of systemd (sd_listen_fds(3)), else binds; finishes its requests at QUIT and at no other signal."""
import http.server, os, signal, socket, socketserver, sys, threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")


# Without the look-up of http.server.HTTPServer, which asks for the name of what it is bound to.
socketserver.TCPServer.allow_reuse_address = True
server = socketserver.TCPServer(("127.0.0.1", int(sys.argv[1])), Handler, False)
if os.environ.get("LISTEN_PID") == str(os.getpid()):
    server.socket = socket.socket(fileno=3)
else:
    server.server_bind()
server.server_activate()
signal.signal(signal.SIGQUIT, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
