"""Usage: files.py PORT DIRECTORY

Keeps what is sent to it, in files below DIRECTORY/store. A browser that asks gets a page that uploads."""

import pathlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

store = pathlib.Path(sys.argv[2], "store")
store.mkdir(exist_ok=True)


class Files(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        page = pathlib.Path(__file__).with_name("page.html").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def do_PUT(self):
        content = self.body()
        (store / self.path.strip("/")).write_bytes(content)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)


# A client may begin many uploads at once.
ThreadingHTTPServer.request_queue_size = 512
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Files).serve_forever()
