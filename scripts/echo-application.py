#!/usr/bin/env python3
"""Usage: echo-application.py PORT [ADDRESS]

A small application on ADDRESS:PORT (127.0.0.1 unless given) to put Envoy in front of: it answers each request with
what it received."""

import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 64 * 1024


class Echo(BaseHTTPRequestHandler):
    """Answers any method with JSON: the request's method and path, and its body's length and SHA-256."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        """Reads the whole request, then answers it."""
        digest, length = hashlib.sha256(), 0
        try:
            for piece in self.body():
                digest.update(piece)
                length += len(piece)
        except ValueError:
            self.send_error(400)
            self.close_connection = True
            return
        text = json.dumps(
            {"method": self.command, "path": self.path, "bytes": length, "sha256": digest.hexdigest()}
        )
        content = text.encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def body(self):
        """Yields the body piece by piece; a body that is cut short is a ValueError."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield from self.exactly(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
        else:
            yield from self.exactly(int(self.headers.get("Content-Length", 0)))

    def exactly(self, size):
        """Yields the next `size` bytes of the connection."""
        while size:
            piece = self.rfile.read(min(size, PIECE))
            if not piece:
                raise ValueError("the body ended early")
            size -= len(piece)
            yield piece


if __name__ == "__main__":
    ThreadingHTTPServer.request_queue_size = 128
    port, address = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    try:
        ThreadingHTTPServer((address, port), Echo).serve_forever()
    except KeyboardInterrupt:
        pass
