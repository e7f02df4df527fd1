"""Usage: s3.py URL

Puts and gets objects with boto3, and says what became of them."""

import io
import json
import sys
import uuid

import boto3
import requests
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError
from files import EICAR, MIB, clean, compare

s3 = boto3.client(
    "s3",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
)
bucket = f"bucket-{uuid.uuid4()}"
s3.create_bucket(Bucket=bucket)
said = {}
content = clean(20 * MIB)


def get(key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def refused(act):
    try:
        act()
    except ClientError as error:
        return {"code": error.response["Error"]["Code"], "message": error.response["Error"].get("Message", ""), "text": str(error)}


s3.put_object(Bucket=bucket, Key="put", Body=content)
said["put"] = compare(get("put"), content)
parts = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=2)
s3.upload_fileobj(io.BytesIO(content), bucket, "multipart", Config=parts)
said["multipart"] = compare(get("multipart"), content)
url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "presigned"})
requests.put(url, content[:MIB], timeout=60).raise_for_status()
said["presigned"] = compare(get("presigned"), content[:MIB])
ranged = s3.get_object(Bucket=bucket, Key="put", Range="bytes=1000-1999")["Body"].read()
said["ranged"] = compare(ranged, content[1000:2000])
s3.put_object(Bucket=bucket, Key="a//b/../c%2fd", Body=b"odd")
said["odd_key"] = compare(get("a//b/../c%2fd"), b"odd")
said["infected"] = refused(lambda: s3.put_object(Bucket=bucket, Key="infected", Body=EICAR))
said["stored"] = any(entry["Key"] == "infected" for entry in s3.list_objects_v2(Bucket=bucket)["Contents"])
said["large"] = refused(lambda: s3.put_object(Bucket=bucket, Key="large", Body=bytes(60 * MIB)))
print(json.dumps(said))
