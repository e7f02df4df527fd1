"""Usage: paths.py ADDRESS METHOD PATH...

Asks for each path as it is written, and says which path the application got."""

import http.client
import json
import sys

address, method, *paths = sys.argv[1:]
connection = http.client.HTTPConnection(address, timeout=60)
got = []
for path in paths:
    connection.request(method, path, b"clean" if method == "PUT" else None)
    got.append(connection.getresponse().read().decode())
print(json.dumps({"paths": got}))
