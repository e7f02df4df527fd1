"""Usage: http3_client.py PORT

An HTTP/3 client. Reads requests from standard input, a JSON object a line: method, path, headers (a list of pairs), body (hexadecimal,
or null), trailers (a list of pairs). Writes what came of each, likewise: status, headers, body, trailers; or error."""

import asyncio
import json
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset


class Client(QuicConnectionProtocol):
    """One connection, for one request."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.heads = []
        self.body = b""
        self.done = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event):
        if isinstance(event, (StreamReset, ConnectionTerminated)):
            self.end(f"the stream was reset: {event}")
        for it in self.http.handle_event(event):
            if isinstance(it, HeadersReceived):
                self.heads.append([[n.decode(), v.decode("latin-1")] for n, v in it.headers])
            if isinstance(it, DataReceived):
                self.body += it.data
            if getattr(it, "stream_ended", False):
                self.end(None)

    def end(self, error):
        """There is nothing more to come."""
        if not self.done.done():
            self.done.set_result(error)

    async def send(self, request):
        """Sends a request, and waits for its answer."""
        stream = self._quic.get_next_available_stream_id()
        head = [(":method", request["method"]), (":scheme", "https"), (":authority", "app.test")]
        head += [(":path", request["path"])] + [tuple(it) for it in request["headers"]]
        encoded = [(n.encode(), v.encode()) for n, v in head]
        body, trailers = request["body"], request["trailers"]
        self.http.send_headers(stream, encoded, end_stream=body is None)
        if body is not None:
            self.http.send_data(stream, bytes.fromhex(body), end_stream=not trailers)
        if trailers:
            fields = [(n.encode(), v.encode()) for n, v in trailers]
            self.http.send_headers(stream, fields, end_stream=True)
        self.transmit()
        error = await asyncio.wait_for(self.done, 20)
        if error:
            return {"error": error}
        head = self.heads[0]
        return {
            "status": int(dict(head)[":status"]),
            "headers": [it for it in head if not it[0].startswith(":")],
            "body": self.body.hex(),
            "trailers": self.heads[1] if len(self.heads) > 1 else [],
        }


async def main():
    """Answers line by line."""
    port = int(sys.argv[1])
    for line in sys.stdin:
        configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"])
        configuration.verify_mode = ssl.CERT_NONE
        configuration.server_name = "app.test"
        try:
            async with connect(
                "127.0.0.1", port, configuration=configuration, create_protocol=Client
            ) as client:
                answer = await client.send(json.loads(line))
        except (ConnectionError, asyncio.TimeoutError) as e:
            answer = {"error": repr(e)}
        print(json.dumps(answer), flush=True)


asyncio.run(main())
