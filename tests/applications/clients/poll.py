"""Usage: poll.py ADDRESS

Polls, and brings the news itself once the poll has reached the application."""

import json
import sys
import threading
import uuid

import requests

address = sys.argv[1]
name = uuid.uuid4()
said = {}


def poll():
    said["news"] = requests.get(f"http://{address}/poll/{name}", timeout=60).text


thread = threading.Thread(target=poll)
thread.start()
requests.get(f"http://{address}/asked/{name}", timeout=60).raise_for_status()
requests.post(f"http://{address}/news/{name}", data=b"news", timeout=60).raise_for_status()
thread.join(timeout=60)
print(json.dumps(said))
