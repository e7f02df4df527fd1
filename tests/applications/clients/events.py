"""Usage: events.py ADDRESS METHOD

Reads events, and tells the server of each that it has come."""

import json
import sys
import uuid

import requests

address, method = sys.argv[1:]
name = uuid.uuid4()
body = b"a question" if method == "POST" else None
events = []
with requests.request(method, f"http://{address}/events/{name}", data=body, stream=True, timeout=60) as answer:
    for line in answer.iter_lines(chunk_size=1):
        if line.startswith(b"data: "):
            events.append(line.removeprefix(b"data: ").decode())
            requests.get(f"http://{address}/seen/{name}", timeout=60).raise_for_status()
print(json.dumps({"events": events}))
