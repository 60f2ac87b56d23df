#!/usr/bin/env python3
"""A registry as the large public ones are: bearer tokens from another URL, blobs at a storage service.

Usage: token_registry.py LAYOUT CERT KEY PORT STORAGE-PORT      serves LAYOUT read-only as repository "private"
Who asks for a token needs the password "user:secret"; the storage service refuses requests that carry credentials.
"""
import base64
import http.server
import json
import os
import ssl
import sys
import threading
import urllib.parse

LAYOUT, CERT, KEY, PORT, STORAGE = sys.argv[1:6]
TOKEN = "token-for-pull"


def blob(digest):
    with open(os.path.join(LAYOUT, "blobs", *digest.split(":")), "rb") as f:
        return f.read()


def digest_of(name):
    if ":" in name:
        return name
    index = json.load(open(os.path.join(LAYOUT, "index.json")))
    for m in index["manifests"]:
        if m["annotations"]["org.opencontainers.image.ref.name"] == name:
            return m["digest"]
    raise KeyError(name)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Registry(Handler):
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        if url.path == "/token":
            query = urllib.parse.parse_qs(url.query)
            want = "Basic " + base64.b64encode(b"user:secret").decode()
            good = self.headers.get("Authorization") == want and query["scope"] == ["repository:private:pull"]
            return self.answer(200, json.dumps({"access_token": TOKEN}).encode()) if good else self.answer(401)
        if self.headers.get("Authorization") != "Bearer " + TOKEN:
            return self.answer(401, WWW_Authenticate=f'Bearer realm="https://127.0.0.1:{PORT}/token",service="test",scope="x"')
        kind, name = url.path.split("/")[3:5]
        try:
            if kind == "manifests":
                return self.answer(200, blob(digest_of(name)), Content_Type="application/vnd.oci.image.manifest.v1+json")
            return self.answer(307, Location=f"https://127.0.0.1:{STORAGE}/{name}")
        except (KeyError, OSError):
            return self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')


class Storage(Handler):
    def do_GET(self):
        if self.headers.get("Authorization"):
            return self.answer(400)
        return self.answer(200, blob(self.path[1:]))


def serve(port, handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERT, KEY)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


threading.Thread(target=serve, args=(STORAGE, Storage), daemon=True).start()
serve(PORT, Registry)
