"""Ends TLS in front of an ICAP server.

Usage: tls_terminator.py CERTIFICATE KEY CLIENT_AUTHORITY SERVER_NAME HOST:PORT
Prints the port it listens on. A client has to show a certificate of that authority and to ask for that name (SNI).
"""
import socket
import ssl
import sys
import threading

certificate, key, authority, name, target = sys.argv[1:]
host, port = target.rsplit(":", 1)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.load_verify_locations(authority)
context.verify_mode = ssl.CERT_REQUIRED


def check_name(_connection, asked, _context):
    return None if asked == name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


context.sni_callback = check_name


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(connection):
    try:
        client = context.wrap_socket(connection, server_side=True)
        server = socket.create_connection((host, int(port)))
    except OSError:
        connection.close()
        return
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    pump(server, client)


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
