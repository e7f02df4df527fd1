"""Usage: calls.py ADDRESS all | refused WHAT_IS_FOUND | fields | down

Calls the four kinds of methods with grpcio, and says what became of the calls."""

import json
import queue
import sys

import grpc
from files import EICAR

channel = grpc.insecure_channel(
    sys.argv[1], options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
)
DEADLINE = 60


def told(act, expected):
    try:
        got = act()
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}
    return "equal" if got == expected else "another message"


def field(content):
    """A message with one bytes field."""
    length, digits = len(content), []
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return b"\x0a" + bytes(digits + [length]) + content


def unary(content):
    message = field(content)
    return told(lambda: channel.unary_unary("/test.Echo/Unary")(message, timeout=DEADLINE), message)


def both_streams():
    """Each message is sent once the one before has come back."""
    messages = queue.Queue()
    call = channel.stream_stream("/test.Echo/BothStreams")(iter(messages.get, None), timeout=DEADLINE)
    got = []
    for message in (b"one", b"two"):
        messages.put(message)
        got.append(next(call))
    messages.put(None)
    return got


said = {"unary": unary(b"x" * 100_000)}
if sys.argv[2] == "all":
    parts = [b"a" * 1000, b"b" * 1000]
    said["client_stream"] = told(
        lambda: channel.stream_unary("/test.Echo/ClientStream")(iter(parts), timeout=DEADLINE), b"".join(parts)
    )
    said["server_stream"] = told(
        lambda: list(channel.unary_stream("/test.Echo/ServerStream")(b"x", timeout=DEADLINE)), [b"x"] * 3
    )
    said["both_streams"] = told(both_streams, [b"one", b"two"])
elif sys.argv[2] == "refused":
    said["infected"] = unary(sys.argv[3].encode())
    said["eicar"] = unary(EICAR)
    said["large"] = unary(bytes(53 << 20))
elif sys.argv[2] == "fields":
    said["eicar"] = unary(EICAR)
    said["nested"] = unary(field(EICAR) + b"\x10\x2a")
print(json.dumps(said))
