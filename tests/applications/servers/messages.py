"""Usage: messages.py PORT DIRECTORY

Four methods that give back what they get, by bytes without a schema. DIRECTORY/received has a line for each message that came."""

import json
import sys
from concurrent import futures

import grpc

received = open(f"{sys.argv[2]}/received", "a", buffering=1)


def note(message):
    received.write(json.dumps([len(message), message[:20].decode("latin-1")]) + "\n")
    return message


class Echo(grpc.GenericRpcHandler):
    def service(self, call):
        kind = call.method.rsplit("/", 1)[1]
        return {
            "Unary": grpc.unary_unary_rpc_method_handler(lambda message, _: note(message)),
            "ClientStream": grpc.stream_unary_rpc_method_handler(
                lambda messages, _: b"|".join(note(message) for message in messages)
            ),
            "ServerStream": grpc.unary_stream_rpc_method_handler(lambda message, _: iter(note(message).split(b"|"))),
            "BothStreams": grpc.stream_stream_rpc_method_handler(
                lambda messages, _: (note(message) for message in messages)
            ),
        }[kind]


server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
server.add_generic_rpc_handlers([Echo()])
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
