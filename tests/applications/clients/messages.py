"""Usage: messages.py ADDRESS KIND[/gzip] MESSAGE...

Makes one call with grpcio, and says what came back and how it ended. MESSAGE is a text, or TEXT*N: so many bytes that begin with it.

unary          one message
client_stream  all messages, then the end
server_stream  the messages come back one by one
ping_pong      each message is sent once the one before has come back
burst          all messages at once; the call is ended once all have come back
mixed          many calls at once, of random messages; MESSAGE is how many, and some of them leave
"""

import json
import queue
import random
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

channel = grpc.insecure_channel(
    sys.argv[1], options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
)
DEADLINE = 30
KIND, _, COMPRESSION = sys.argv[2].partition("/")
COMPRESSION = grpc.Compression.Gzip if COMPRESSION else None


def message(text):
    text, _, length = text.partition("*")
    return text.encode().ljust(int(length or 0), b".")


def short(content):
    text = content[:20].decode("latin-1").rstrip(".")
    return text if content == text.encode("latin-1") else f"{text}*{len(content)}"


def call(kind, method):
    multi = getattr(channel, kind)(f"/test.Messages/{method}")
    return lambda given: multi(given, timeout=DEADLINE, compression=COMPRESSION)


def mixed(seed):
    """What is wrong with a call of random messages; None: nothing."""
    dice = random.Random(seed)
    sizes = [dice.choice([0, 1, 100, 5000, 16379, 16384, 70000, 300000]) for _ in range(dice.randrange(1, 12))]
    sent = [dice.randbytes(size) for size in sizes]
    kind = dice.choice(["unary", "client_stream", "ping_pong", "burst", "leave"])
    try:
        if kind == "unary":
            return None if call("unary_unary", "Unary")(sent[0]) == sent[0] else "unary"
        if kind == "client_stream":
            return None if call("stream_unary", "ClientStream")(iter(sent)) == b"|".join(sent) else kind
        to_send, back = queue.Queue(), []
        answers = call("stream_stream", "BothStreams")(iter(to_send.get, None))
        for n, content in enumerate(sent):
            to_send.put(content)
            if kind == "leave" and n == len(sent) // 2:
                answers.cancel()
                to_send.put(None)
                return None
            if kind == "ping_pong" or dice.random() < 0.2:
                back.extend(next(answers) for _ in range(n + 1 - len(back)))
        to_send.put(None)
        back.extend(answers)
        return None if back == sent else kind
    except grpc.RpcError as error:
        return f"{kind} {sizes}: {error.code()} {error.details()}"


if KIND == "mixed":
    with ThreadPoolExecutor(8) as threads:
        wrong = [text for text in threads.map(mixed, range(int(sys.argv[3]))) if text]
    print(json.dumps({"wrong": wrong}))
    sys.exit()
messages = [message(text) for text in sys.argv[3:]]
got = []


def run():
    if KIND == "unary":
        got.append(call("unary_unary", "Unary")(messages[0]))
    elif KIND == "client_stream":
        got.extend(call("stream_unary", "ClientStream")(iter(messages)).split(b"|"))
    elif KIND == "server_stream":
        got.extend(call("unary_stream", "ServerStream")(b"|".join(messages)))
    else:
        to_send = queue.Queue()
        answers = call("stream_stream", "BothStreams")(iter(to_send.get, None))
        if KIND == "burst":
            for content in messages:
                to_send.put(content)
            for _ in messages:
                got.append(next(answers))
        else:
            for content in messages:
                to_send.put(content)
                got.append(next(answers))
        to_send.put(None)
        got.extend(answers)


said = {"code": "OK", "details": ""}
try:
    run()
except grpc.RpcError as error:
    said = {"code": error.code().name, "details": error.details()}
print(json.dumps({"got": [short(content) for content in got], **said}))
