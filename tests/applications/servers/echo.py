"""Usage: echo.py PORT DIRECTORY

A WebSocket that gives back what it gets."""

import sys

from websockets.sync.server import serve


def echo(connection):
    for message in connection:
        connection.send(message)


serve(echo, "127.0.0.1", int(sys.argv[1]), max_size=None).serve_forever()
