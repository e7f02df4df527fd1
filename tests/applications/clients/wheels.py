"""Usage: wheels.py DIRECTORY

Makes wheels there: three clean ones, and one with the EICAR test file in it."""

import json
import pathlib
import sys
import zipfile

from files import EICAR, MIB, clean

directory = pathlib.Path(sys.argv[1])
for name, content in [(f"clean_{name}", clean(3 * MIB)) for name in ("bare", "scanned", "both")] + [("infected", EICAR)]:
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}/data.bin": content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files).encode()
    with zipfile.ZipFile(directory / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, data in files.items():
            wheel.writestr(path, data)
print(json.dumps({}))
