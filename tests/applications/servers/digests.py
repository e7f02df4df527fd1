"""Usage: digests.py PORT DIRECTORY

Tells of each upload what has come: its SHA-256, as JSON and as a header; to SOAP in an envelope. Keeps how many there were in
DIRECTORY/uploads."""

import hashlib
import json
import pathlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

uploads = pathlib.Path(sys.argv[2], "uploads")
uploads.write_text("")
ENVELOPE = (
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
    '<PutResponse xmlns="urn:store"><result>ok</result></PutResponse></soap:Body></soap:Envelope>'
)


class Digests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        digest = hashlib.sha256(content).hexdigest()
        with uploads.open("a") as file:
            file.write(f"{self.path} {digest}\n")
        soap = self.path == "/soap"
        answer = (ENVELOPE if soap else json.dumps({"sha256": digest})).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml" if soap else "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-SHA256", digest)
        self.end_headers()
        self.wfile.write(answer)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Digests).serve_forever()
