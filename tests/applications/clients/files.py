"""What the clients send."""

import random

MIB = 1 << 20
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def clean(length):
    """Bytes that can't be made smaller, the same each time."""
    return random.Random(length).randbytes(length)


def compare(got, expected):
    """`equal`, or how the two differ."""
    return "equal" if got == expected else f"{len(got)} bytes, not the {len(expected)} that were sent"
