"""Usage: tus.py URL

Uploads files with tuspy, and says what became of them."""

import io
import json
import sys

import requests
from files import EICAR, MIB, clean, compare
from tusclient import client
from tusclient.exceptions import TusCommunicationError

tus = client.TusClient(sys.argv[1])


def upload(content, piece):
    uploader = tus.uploader(file_stream=io.BytesIO(content), chunk_size=piece)
    try:
        uploader.upload()
    except TusCommunicationError as error:
        return f"{error}; {error.response_content!r}"
    answer = requests.get(uploader.url, timeout=60)
    return compare(answer.content, content) if answer.ok else f"{answer.status_code} for what was stored"


print(
    json.dumps(
        {
            "whole": upload(clean(10 * MIB), 100 * MIB),
            "pieces": upload(clean(10 * MIB), 3 * MIB),
            "infected": upload(EICAR, 100),
            "infected_in_pieces": upload(EICAR, 34),
        }
    )
)
