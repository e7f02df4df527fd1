"""Usage: images.py DIRECTORY

Makes two images there, as OCI's image layout has them: `clean`, and `infected` with the EICAR test file in its layer."""

import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile

from files import EICAR, MIB, clean


def make(directory, content):
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True)

    def add(kind, data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("file")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    tar = packed.getvalue()
    layer = add("layer.v1.tar+gzip", gzip.compress(tar, mtime=0))
    diff = f"sha256:{hashlib.sha256(tar).hexdigest()}"
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": add("config.v1+json", json.dumps(config).encode()),
        "layers": [layer],
    }
    entry = add("manifest.v1+json", json.dumps(manifest).encode())
    entry["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


make(pathlib.Path(sys.argv[1], "clean"), clean(12 * MIB))
make(pathlib.Path(sys.argv[1], "infected"), EICAR)
print(json.dumps({}))
