"""Usage: s3_tls.py URL CERTIFICATE

Puts objects over TLS with boto3 in each way that it has, and says what became of them."""

import io
import json
import sys
import uuid

import boto3
import requests
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError
from files import EICAR, MIB, clean, compare

url, certificate = sys.argv[1:]
s3 = boto3.client(
    "s3",
    endpoint_url=url,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    verify=certificate,
    config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
)
bucket = f"bucket-{uuid.uuid4()}"
s3.create_bucket(Bucket=bucket)
framed = set()


def note(request, event_name, **_):
    """Which calls send their content in chunks with a checksum behind it."""
    sent = request.headers.get("X-Amz-Content-SHA256", b"")
    sent = sent.decode() if isinstance(sent, bytes) else sent
    if "aws-chunked" in str(request.headers.get("Content-Encoding", "")) and sent.startswith("STREAMING-"):
        framed.add(event_name.rsplit(".", 1)[1])


for call in ("PutObject", "UploadPart"):
    s3.meta.events.register(f"before-send.s3.{call}", note)


def put_object(key, content):
    s3.put_object(Bucket=bucket, Key=key, Body=content)


def put_stream(key, content):
    s3.put_object(Bucket=bucket, Key=key, Body=io.BytesIO(content))


def multipart(key, content):
    """The last part is what would be infected: a scanner sees each part alone."""
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=1)
    s3.upload_fileobj(io.BytesIO(clean(5 * MIB) + content), bucket, key, Config=parts)


def presigned_put(key, content):
    to = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key})
    requests.put(to, content, verify=certificate, timeout=60).raise_for_status()


def presigned_form(key, content):
    to = s3.generate_presigned_post(bucket, key)
    files = {"file": ("upload.bin", content)}
    requests.post(to["url"], data=to["fields"], files=files, verify=certificate, timeout=60).raise_for_status()


def became(way, key, content):
    try:
        way(key, content)
    except (ClientError, S3UploadFailedError, requests.HTTPError) as error:
        said = str(error)
    else:
        said = "stored"
    try:
        got = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return {"said": said, "there": False}
    expected = clean(5 * MIB) + content if way is multipart else content
    return {"said": said, "there": True, "content": compare(got, expected)}


said = {}
for way in (put_object, put_stream, multipart, presigned_put, presigned_form):
    name = way.__name__
    said[name] = {
        "clean": became(way, f"{name}/clean", clean(100_000)),
        "infected": became(way, f"{name}/infected", EICAR),
    }
said["framed"] = sorted(framed)
print(json.dumps(said))
