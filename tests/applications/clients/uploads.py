"""Usage: uploads.py ADDRESS FILE

Uploads a file with three libraries, and says what each has seen. http.client writes all before it reads."""

import http.client
import json
import pathlib
import sys

import httpx
import requests

address, file = sys.argv[1], pathlib.Path(sys.argv[2])
content = file.read_bytes()
said = {}


def by_http_client():
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("PUT", "/http.client", content)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def by_requests():
    answer = requests.put(f"http://{address}/requests", content, timeout=60)
    return answer.status_code, answer.text


def by_httpx():
    answer = httpx.put(f"http://{address}/httpx", content=content, timeout=60)
    return answer.status_code, answer.text


for name, upload in {"http.client": by_http_client, "requests": by_requests, "httpx": by_httpx}.items():
    try:
        status, text = upload()
        said[name] = {"status": status, "text": text}
    except (OSError, http.client.HTTPException, httpx.HTTPError) as error:
        said[name] = {"status": 0, "text": repr(error)}
print(json.dumps(said))
