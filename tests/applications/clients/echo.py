"""Usage: echo.py URL

Talks over a WebSocket, each message once the one before has come back."""

import json
import sys

from files import EICAR, MIB, clean, compare
from websockets.sync.client import connect

with connect(sys.argv[1], max_size=None, proxy=None) as connection:
    said = {}
    # What goes over an open WebSocket is not scanned.
    for name, messages in {"text": ["one", EICAR.decode()], "binary": [clean(3 * MIB), EICAR]}.items():
        for message in messages:
            connection.send(message)
            said[name] = compare(connection.recv(), message)
            if said[name] != "equal":
                break
    print(json.dumps(said))
