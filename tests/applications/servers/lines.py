"""Usage: lines.py PORT DIRECTORY

Answers each line of a request while the request goes on."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Lines(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while size := int(self.rfile.readline(), 16):
            line = self.rfile.read(size).strip()
            self.rfile.readline()
            answer = line + b"!\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(answer), answer))
            self.wfile.flush()
        self.rfile.readline()
        self.wfile.write(b"0\r\n\r\n")


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Lines).serve_forever()
