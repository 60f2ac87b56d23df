#!/usr/bin/env python3
"""Builds OCI image layouts for the end-to-end tests, good ones and hostile ones.

Usage: oci.py KIND OUT-DIR TAG [ROOTFS-DIR [ARCHITECTURE]]
KIND: rootfs (of ROOTFS-DIR), dotdot, absolute, symlink, bomb, diff-id; ARCHITECTURE: amd64 (default), s390x
"""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

BOMB_BYTES = 2 * 1024 * 1024 * 1024


def member(name, data=b"", kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    info.size = len(data)
    info.mode = 0o755
    return info, io.BytesIO(data)


def tar_of(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            tar.addfile(info, data)
    return out.getvalue()


def tar_of_tree(root):
    def clean(info):
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        return info

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(os.listdir(root)):
            tar.add(os.path.join(root, name), arcname=name, filter=clean)
    return out.getvalue()


def compressed(tar):
    return gzip.compress(tar, compresslevel=6, mtime=0)


def bomb():
    """Two gigabytes of zeroes in one file: two megabytes of gzip, written in pieces."""
    head = tarfile.TarInfo("zeroes")
    head.size = BOMB_BYTES
    out = io.BytesIO()
    digest = hashlib.sha256()
    piece = bytes(1024 * 1024)
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as z:
        start = head.tobuf(tarfile.GNU_FORMAT)
        z.write(start)
        digest.update(start)
        for _ in range(BOMB_BYTES // len(piece)):
            z.write(piece)
    return out.getvalue(), "sha256:" + digest.hexdigest()


def layer_of(kind, rootfs):
    """(compressed layer, diff id)"""
    if kind == "bomb":
        return bomb()
    if kind in ("rootfs", "diff-id"):
        tar = tar_of_tree(rootfs)
    elif kind == "dotdot":
        tar = tar_of([member("../../etc/evil", b"evil")])
    elif kind == "absolute":
        tar = tar_of([member("/etc/evil", b"evil")])
    elif kind == "symlink":
        tar = tar_of([member("way", kind=tarfile.SYMTYPE, target="/"),
                      member("way/etc/evil", b"evil")])
    else:
        sys.exit(__doc__)
    diff_id = hashlib.sha256(tar).hexdigest() if kind != "diff-id" else "11" * 32
    return compressed(tar), "sha256:" + diff_id


class Layout:
    def __init__(self, path):
        self.path = path
        os.makedirs(os.path.join(path, "blobs", "sha256"), exist_ok=True)
        with open(os.path.join(path, "oci-layout"), "w") as f:
            f.write('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.path, "blobs", "sha256", digest), "wb") as f:
            f.write(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    def index(self, manifest, tag):
        name = os.path.join(self.path, "index.json")
        entries = []
        if os.path.exists(name):
            entries = json.load(open(name))["manifests"]
        entries.append(dict(manifest, annotations={"org.opencontainers.image.ref.name": tag}))
        with open(name, "w") as f:
            json.dump({"schemaVersion": 2, "manifests": entries}, f)


def main():
    kind, out, tag = sys.argv[1:4]
    layer, diff_id = layer_of(kind, sys.argv[4] if len(sys.argv) > 4 else None)
    layout = Layout(out)
    config = {
        "architecture": sys.argv[5] if len(sys.argv) > 5 else "amd64", "os": "linux",
        "config": {"Cmd": ["/bin/hello"], "Env": ["PATH=/bin"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    manifest = {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": layout.blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [layout.blob(layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
    }
    text = json.dumps(manifest).encode()
    layout.index(layout.blob(text, manifest["mediaType"]), tag)


if __name__ == "__main__":
    main()
