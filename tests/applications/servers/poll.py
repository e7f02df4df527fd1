"""Usage: poll.py PORT DIRECTORY

Answers a poll once there is news, which comes by a request of its own."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NEWS, ASKED = {}, {}


class Poll(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind, name = self.path.strip("/").split("/")
        news = NEWS.setdefault(name, threading.Event())
        asked = ASKED.setdefault(name, threading.Event())
        if kind == "poll":
            asked.set()
            came = news.wait(timeout=60)
        else:
            # Tells that the poll has come.
            came = asked.wait(timeout=60)
        self.answer(b"it is here" if came else b"nothing")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        NEWS.setdefault(self.path.rpartition("/")[2], threading.Event()).set()
        self.answer(b"")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Poll).serve_forever()
