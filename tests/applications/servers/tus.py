"""Usage: tus.py PORT DIRECTORY

The core protocol of tus 1.0.0 and its creation, in memory."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILES = {}


class Tus(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        self.send_header("Tus-Resumable", "1.0.0")
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_POST(self):
        FILES[f"/files/{len(FILES)}"] = bytearray()
        self.body()
        self.answer(201, Location=f"/files/{len(FILES) - 1}")

    def do_HEAD(self):
        self.answer(200, Upload_Offset=len(FILES[self.path]))

    def do_PATCH(self):
        FILES[self.path] += self.body()
        self.answer(204, Upload_Offset=len(FILES[self.path]))

    def do_GET(self):
        self.answer(200, bytes(FILES[self.path]))


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Tus).serve_forever()
