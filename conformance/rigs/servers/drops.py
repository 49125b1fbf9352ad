"""A server that claims as root and is an ordinary user from then on."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import serverswap.socketserver

ADDRESS, VERSION = os.environ["ADDRESS"], os.environ["VERSION"]
NOBODY = 65_534


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"Hello from version {VERSION}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Pid", str(os.getpid()))
        self.send_header("Version", VERSION)
        self.send_header("User", str(os.getuid()))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    def server_activate(self):
        super().server_activate()
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


serverswap.socketserver.serve(Server(("", 0), Handler, bind_and_activate=False), ADDRESS)
