"""Usage: paths.py PORT DIRECTORY

Answers each request with the path that it got."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Paths(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def parse_request(self):
        # The library's own path has lost a slash where it began with two.
        self.target = self.raw_requestline.split()[1]
        return super().parse_request()

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.target)))
        self.end_headers()
        self.wfile.write(self.target)

    do_PUT = do_GET


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Paths).serve_forever()
