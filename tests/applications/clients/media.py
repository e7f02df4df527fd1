"""Usage: media.py ADDRESS

Uploads with Google's library for Cloud Storage, in one request (multipart/related), and says what became of it."""

import hashlib
import json
import sys

import requests
from files import EICAR, clean
from google.resumable_media import InvalidResponse
from google.resumable_media.requests import MultipartUpload


class Recording(requests.Session):
    """Keeps what was sent last."""

    def request(self, method, url, data=None, **more):
        self.sent, self.type = data, more["headers"]["content-type"]
        return super().request(method, url, data=data, **more)


def upload(content, media_type):
    session = Recording()
    session.trust_env = False
    to = f"http://{sys.argv[1]}/upload/storage/v1/b/bucket/o?uploadType=multipart"
    try:
        answer = MultipartUpload(to).transmit(session, content, {"name": "a file.bin"}, media_type)
    except InvalidResponse as error:
        return {"status": error.response.status_code, "text": error.response.text}
    same = answer.json()["sha256"] == hashlib.sha256(session.sent).hexdigest()
    kind = session.type.decode() if isinstance(session.type, bytes) else session.type
    return {"status": answer.status_code, "type": kind.split(";")[0], "content": "equal" if same else "another"}


said = {
    "clean": upload(clean(300_000), "application/octet-stream"),
    "text": upload(b"a text\n" * 100, "text/plain"),
    "infected": upload(EICAR, "application/octet-stream"),
}
print(json.dumps(said))
