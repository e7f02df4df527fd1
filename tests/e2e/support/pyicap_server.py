"""An ICAP server on pyicap. Prints its port, and serves until it is ended.

A body that contains BLOCKED_MARK is answered with a page in its place, CHANGED_MARK is replaced, all else passes: by 204
where that is allowed, and by the same message where it is not. It always asks for what is behind the preview.
"""

import collections
import collections.abc
import socketserver
import sys

# pyicap 1.0b1 looks for it where Python had it until 3.9.
if not hasattr(collections, "Callable"):
    collections.Callable = collections.abc.Callable

import pyicap

BLOCKED_MARK = b"marked: to be blocked"
CHANGED_MARK = b"marked: to be changed"
CHANGED_TO = b"[it was changed]"
PAGE = b"<html><body>blocked by a server on pyicap</body></html>"
PREVIEW = b"1024"
CHUNK = 65536


class Server(socketserver.ThreadingMixIn, pyicap.ICAPServer):
    """Serves each connection on a thread: pyicap's own server serves the next one only when this one is closed."""

    daemon_threads = True
    request_queue_size = 128


class Handler(pyicap.BaseICAPRequestHandler):
    """The service `marks`. X-Connection, in each answer, tells the connections apart."""

    def marks_OPTIONS(self):
        self.set_icap_response(200)
        self.set_icap_header(b"Methods", b"REQMOD")
        self.set_icap_header(b"Service", b"pyicap 1.0b1, marks")
        self.set_icap_header(b"Preview", PREVIEW)
        self.set_icap_header(b"Allow", b"204")
        self.set_icap_header(b"Transfer-Preview", b"*")
        self.set_icap_header(b"Max-Connections", b"100")
        self.set_icap_header(b"Options-TTL", b"3600")
        self.send_headers(False)

    def marks_REQMOD(self):
        self.set_icap_header(b"X-Connection", str(self.client_address[1]).encode())
        body = self.read_body()
        if BLOCKED_MARK in body:
            self.send_page()
        elif CHANGED_MARK in body:
            self.send_request(body.replace(CHANGED_MARK, CHANGED_TO))
        elif b"204" in self.allow or (self.preview is not None and not self.continued):
            self.no_adaptation_required()
        else:
            self.send_request(body)

    def read_body(self):
        """Reads the preview, asks for what is behind it, and reads that."""
        body = self.read_chunks()
        self.continued = self.has_body and self.preview is not None and not self.ieof
        if self.continued:
            self.cont()
            body += self.read_chunks()
        return body

    def read_chunks(self):
        chunks = []
        while True:
            chunk = self.read_chunk()
            if chunk == b"":
                return b"".join(chunks)
            chunks.append(chunk)

    def send_page(self):
        self.set_icap_response(200)
        self.set_icap_header(b"X-Blocked-Reason", b"a mark was found")
        self.set_enc_status(b"HTTP/1.1 403 Forbidden")
        self.set_enc_header(b"Content-Type", b"text/html")
        self.set_enc_header(b"Content-Length", str(len(PAGE)).encode())
        self.send_headers(True)
        self.send_chunks(PAGE)

    def send_request(self, body):
        self.set_icap_response(200)
        self.set_enc_request(b" ".join(self.enc_req))
        for name, values in self.enc_req_headers.items():
            for value in values:
                # The length is that of the original.
                if name != b"content-length":
                    self.set_enc_header(name, value)
        self.send_headers(self.has_body)
        if self.has_body:
            self.send_chunks(body)

    def send_chunks(self, body):
        for place in range(0, len(body), CHUNK):
            self.send_chunk(body[place : place + CHUNK])
        self.send_chunk()


if __name__ == "__main__":
    # pyicap's own class serves one connection at a time.
    kind = pyicap.ICAPServer if "--single" in sys.argv else Server
    server = kind(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
