"""Usage: events.py PORT DIRECTORY

Sends three events, each once the client has said, by a request of its own, that it has the one before."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SEEN = {}


class Events(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        seen = SEEN.setdefault(name, threading.Semaphore(0))
        if self.path.startswith("/seen/"):
            seen.release()
            self.send_response(204)
            self.end_headers()
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number in range(3):
            self.wfile.write(f"data: {number}\n\n".encode())
            self.wfile.flush()
            if not seen.acquire(timeout=60):
                return

    do_POST = do_GET


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Events).serve_forever()
