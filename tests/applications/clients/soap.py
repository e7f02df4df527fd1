"""Usage: soap.py ADDRESS WSDL

Calls a service with zeep. Content goes in the envelope (Base64), as zeep sends it, or beside an envelope that zeep has made, as MTOM
has it (W3C's SOAP Message Transmission Optimization Mechanism), which zeep does not send."""

import hashlib
import json
import sys

import requests
import zeep
from files import EICAR, clean
from lxml import etree
from zeep.transports import Transport

address, wsdl = sys.argv[1:]
XOP = "http://www.w3.org/2004/08/xop/include"
BOUNDARY = "MIMEBoundary_4d7c2f3a"


class Recording(requests.Session):
    """Keeps what was sent last, and the answer to it."""

    def post(self, url, data=None, **more):
        self.sent = data
        self.answer = super().post(url, data=data, **more)
        return self.answer


session = Recording()
session.trust_env = False
client = zeep.Client(wsdl, transport=Transport(session=session))
service = client.create_service("{urn:store}Binding", f"http://{address}/soap")


def told():
    answer = session.answer
    if answer.status_code != 200:
        return {"status": answer.status_code, "text": answer.text}
    digest = hashlib.sha256(session.sent).hexdigest()
    return {"status": 200, "content": "equal" if answer.headers["x-sha256"] == digest else "another"}


def in_envelope(content):
    try:
        service.Put(name="a.bin", content=content)
    except (zeep.exceptions.Error, requests.RequestException):
        pass
    return told()


def beside_envelope(content, encoding):
    envelope = client.create_message(service, "Put", name="a.bin", content=b"")
    element = envelope.find(".//{urn:store}content")
    etree.SubElement(element, f"{{{XOP}}}Include", href="cid:content@example.org")
    parts = [
        ('application/xop+xml; charset=UTF-8; type="text/xml"', "<root@example.org>", "8bit", etree.tostring(envelope)),
        ("application/octet-stream", "<content@example.org>", encoding, content),
    ]
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-ID: {number}\r\nContent-Transfer-Encoding: {how}\r\n\r\n".encode()
        + part
        + b"\r\n"
        for kind, number, how, part in parts
    )
    kind = f'multipart/related; type="application/xop+xml"; start="<root@example.org>"; start-info="text/xml"; boundary="{BOUNDARY}"'
    headers = {"Content-Type": kind, "SOAPAction": '"urn:store:Put"'}
    session.post(f"http://{address}/soap", body + f"--{BOUNDARY}--\r\n".encode(), headers=headers, timeout=60)
    return told()


said = {
    "envelope": {"clean": in_envelope(clean(100_000)), "infected": in_envelope(EICAR)},
    "mtom": {"clean": beside_envelope(clean(100_000), "binary"), "infected": beside_envelope(EICAR, "binary")},
}
print(json.dumps(said))
