"""Usage: lines.py ADDRESS PATH

Sends a line, reads its answer, and only then sends the next, all in one request over HTTP/1.1."""

import json
import socket
import sys

address, path = sys.argv[1:]
host, _, port = address.rpartition(":")
answers = []
with socket.create_connection((host, int(port)), timeout=60) as connection:
    connection.sendall(
        f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-ndjson\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )
    reader = connection.makefile("rb")
    for number in range(3):
        line = f"{number}\n".encode()
        connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        if number == 0:
            while reader.readline().strip():
                pass
        size = int(reader.readline(), 16)
        answers.append(reader.read(size).decode().strip())
        reader.readline()
    connection.sendall(b"0\r\n\r\n")
print(json.dumps({"answers": answers}))
