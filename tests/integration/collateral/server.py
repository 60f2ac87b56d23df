#!/usr/bin/env python3
"""AMD's and Intel's servers in small, over HTTPS. usage: server.py DIR: DIR holds server.pem, ca.pem, leaf.der, list.pem and list.der. Writes DIR/port, and a
line a request into DIR/requests. While DIR/busy exists, everybody is told to come back in an hour."""
import http.server
import os
import ssl
import sys
import urllib.parse

DIR = sys.argv[1]
TIMES = '"issueDate":"2025-01-01T00:00:00Z","nextUpdate":"2099-01-01T00:00:00Z","tcbEvaluationDataNumber":1'


def read(name):
    with open(os.path.join(DIR, name), "rb") as f:
        return f.read()


def signed(name, inner):
    return ('{"%s":%s,"signature":"%s"}' % (name, inner, "00" * 64)).encode()


def body_of(url):
    path = url.path
    note = ("# %s?%s\n" % (path, url.query)).encode()  # a store keeps equal bytes once, so that no two answers are equal
    if path.endswith("/cert_chain"):
        return note + read("ca.pem"), None
    if path.endswith("/crl"):
        return note + read("list.pem"), None
    if path.startswith("/vcek/v1/"):
        return read("leaf.der"), None
    if path.endswith("/qe/identity"):
        kind = "TD_QE" if path.startswith("/tdx") else "QE"
        return signed("enclaveIdentity", '{"id":"%s","version":2,%s}' % (kind, TIMES)), "SGX-Enclave-Identity-Issuer-Chain"
    if path.endswith("/tcb"):
        fmspc = urllib.parse.parse_qs(url.query)["fmspc"][0]
        kind = "TDX" if path.startswith("/tdx") else "SGX"
        return signed("tcbInfo", '{"id":"%s","version":3,"fmspc":"%s",%s}' % (kind, fmspc, TIMES)), "TCB-Info-Issuer-Chain"
    if path.endswith("/pckcrl"):
        return note + read("list.pem"), "SGX-PCK-CRL-Issuer-Chain"
    if path.endswith("/rootcacrl"):  # a PCCS answers in hex
        return read("list.der").hex().encode(), None
    return None, None


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(os.path.join(DIR, "requests"), "a") as log:
            log.write("GET %s\n" % self.path)
        if os.path.exists(os.path.join(DIR, "busy")):
            return self.answer(429, b"", {"Retry-After": "3600"})
        body, chain = body_of(urllib.parse.urlparse(self.path))
        if body is None:
            return self.answer(404, b"", {})
        return self.answer(200, body, {chain: urllib.parse.quote(read("ca.pem"))} if chain else {})

    def answer(self, status, body, headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(DIR, "server.pem"))
server.socket = context.wrap_socket(server.socket, server_side=True)
with open(os.path.join(DIR, "port.new"), "w") as f:
    f.write(str(server.server_address[1]))
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
