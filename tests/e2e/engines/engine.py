"""A containerd of its own below one directory, with runc and our shim, for tests that compare or drive both."""

import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("SEALPOD_BIN", SOURCE / "build/release/bin")).resolve()
SKIP = 77
IMAGE = "localhost/busybox:1"
PAUSE = "localhost/pause:1"
POD_TYPE = "io.kubernetes.cri.container-type"
POD_ID = "io.kubernetes.cri.sandbox-id"
# Another containerd than the distribution's: a directory with containerd, ctr and containerd-shim-runc-v2 (tools/install-peers).
PEER = os.environ.get("SEALPOD_CONTAINERD")
if PEER:
    os.environ["PATH"] = f"{PEER}:{os.environ['PATH']}"
os.environ["CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS"] = "1"  # they are lines of standard error, with the time


def need(*programs):
    """Ends the test as skipped, visibly, when a peer is missing."""
    if PEER and not (pathlib.Path(PEER) / "containerd").exists():
        print(f"SKIPPED: no {PEER}/containerd (tools/install-peers)")
        raise SystemExit(SKIP)
    for name in programs:
        if not shutil.which(name):
            print(f"SKIPPED: no {name}")
            raise SystemExit(SKIP)
    for name in ("containerd-shim-sealpod-v2", "../guest/initrd"):
        if not (BIN / name).exists():
            print(f"SKIPPED: no {BIN / name}")
            raise SystemExit(SKIP)


def run(*argv, timeout=180, check=False, **more):
    result = subprocess.run([str(a) for a in argv], capture_output=True, timeout=timeout, check=False, **more)
    if check and result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {result.returncode}: {result.stderr.decode(errors='replace')}")
    return result


def make_rootfs(path):
    """busybox and the files that programs look for."""
    path = pathlib.Path(path)
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp", "root", "home/user", "var/empty"):
        (path / name).mkdir(parents=True, exist_ok=True)
    (path / "tmp").chmod(0o1777)
    shutil.copy("/bin/busybox", path / "bin/busybox")
    for applet in run("/bin/busybox", "--list", check=True).stdout.decode().split():
        link = path / "bin" / applet
        if not link.exists():
            link.symlink_to("busybox")
    (path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\nuser:x:1000:\nextra:x:2000:user\n")
    (path / "etc/not-executable").write_text("#!/bin/sh\necho never\n")
    os.chown(path / "home/user", 1000, 1000)
    return path


def make_image(base, rootfs, name, config):
    """An OCI archive that `ctr image import` and `skopeo copy oci-archive:` read."""
    repository, tag = name.rsplit(":", 1)
    layout = base / f"layout-{repository.replace('/', '-')}"
    run("/usr/bin/python3", SOURCE / "tests/e2e/oci.py", "rootfs", layout, tag, rootfs, check=True)
    if config:
        patch_config(layout, config)
    index = json.loads((layout / "index.json").read_text())
    for manifest in index["manifests"]:
        manifest["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}
    (layout / "index.json").write_text(json.dumps(index))
    archive = base / (layout.name + ".tar")
    run("tar", "-C", layout, "-cf", archive, ".", check=True)
    return archive


def patch_config(layout, members):
    """Other members of the image's `config` object; the digests above it follow."""
    import hashlib

    def put(data):
        raw = json.dumps(data).encode()
        digest = hashlib.sha256(raw).hexdigest()
        (layout / "blobs/sha256" / digest).write_bytes(raw)
        return "sha256:" + digest, len(raw)

    def get(digest):
        return json.loads((layout / "blobs/sha256" / digest.split(":")[1]).read_text())

    index = json.loads((layout / "index.json").read_text())
    for entry in index["manifests"]:
        manifest = get(entry["digest"])
        config = get(manifest["config"]["digest"])
        config["config"] = {**config.get("config", {}), **members}
        manifest["config"]["digest"], manifest["config"]["size"] = put(config)
        entry["digest"], entry["size"] = put(manifest)
    (layout / "index.json").write_text(json.dumps(index))


@functools.cache
def version():
    """Of the containerd that the PATH leads to: (major, minor)."""
    words = run("containerd", "--version", check=True).stdout.decode().split()
    number = re.search(r"(\d+)\.(\d+)", words[2])
    return int(number[1]), int(number[2])


class Containerd:
    """`with Containerd() as c:`; everything it made is gone afterwards. sandboxer: "shim", pods by the Sandbox API (from 2.0 on)."""

    def __init__(self, handlers="", extra="", prefix="/tmp/spe-", state_dir=None, sandboxer=None):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
        self.socket = self.base / "c.sock"
        self.process = None
        self.sandboxer = f'sandboxer = "{sandboxer}"' if sandboxer else ""
        self.run_dir = self.base / "run"
        self.runtime_config = self.base / "sealpod.toml"
        self.runtime_config.write_text(
            f'[runtime]\nrun_dir = "{self.run_dir}"\nstate_dir = "{state_dir or self.base}"\n' + extra)
        (self.base / "config.toml").write_text(self.config(handlers))
        (self.base / "cni").mkdir()
        (self.base / "bin").mkdir()
        for handler in ("sealpod", "sealpod-vtpm"):
            (self.base / f"bin/containerd-shim-{handler}-v2").symlink_to(BIN / "containerd-shim-sealpod-v2")

    def config(self, handlers):
        """As this containerd reads it: version 2 up to 1.7, version 3 from 2.0 on, where the CRI plugin is three."""
        new = version() >= (2, 0)
        runtime = "io.containerd.cri.v1.runtime" if new else "io.containerd.grpc.v1.cri"
        handler = f'plugins."{runtime}".containerd.runtimes'
        images = (f'[plugins."io.containerd.cri.v1.images"]\n  snapshotter = "overlayfs"\n'
                  f'[plugins."io.containerd.cri.v1.images".pinned_images]\n  sandbox = "{PAUSE}"\n' if new else
                  f'[plugins."{runtime}".containerd]\n  snapshotter = "overlayfs"\n')
        pause = "" if new else f'sandbox_image = "{PAUSE}"'
        programs = 'bin_dirs = ["/usr/lib/cni"]' if new else 'bin_dir = "/usr/lib/cni"'
        more = handlers.format(base=self.base, config=self.runtime_config)
        return f"""
version = {3 if new else 2}
root = "{self.base}/root"
state = "{self.base}/ctd"
[grpc]
  address = "{self.socket}"
[debug]
  address = "{self.base}/debug.sock"
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
{"" if not new else f'[plugins."{runtime}"]'}
  {pause}
  restrict_oom_score_adj = true
{images}
[{handler}.runc]
  runtime_type = "io.containerd.runc.v2"
[{handler}.sealpod]
  runtime_type = "io.containerd.sealpod.v2"
  privileged_without_host_devices = true
  pod_annotations = ["io.katacontainers.*"]
  {self.sandboxer}
  [{handler}.sealpod.options]
    ConfigPath = "{self.runtime_config}"
{more.replace("io.containerd.grpc.v1.cri", runtime)}
[plugins."{runtime}".cni]
  {programs}
  conf_dir = "{self.base}/cni"
"""

    def __enter__(self):
        try:
            self.start()
            self.rootfs = make_rootfs(self.base / "rootfs")
            self.load(make_image(self.base, self.rootfs, IMAGE, {"Cmd": ["/bin/sh"]}))
            self.load(make_image(self.base, self.rootfs, PAUSE, {"Entrypoint": ["/bin/sleep", "100000000"], "Cmd": []}))
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        log = open(self.base / "containerd.log", "ab")
        env = {**os.environ, "PATH": f"{self.base}/bin:{BIN}:{os.environ['PATH']}"}
        self.process = subprocess.Popen(["containerd", "-c", self.base / "config.toml"], stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, env=env, start_new_session=True)
        for _ in range(100):
            if run("ctr", "-a", self.socket, "version", timeout=20).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError("containerd does not start:\n" + (self.base / "containerd.log").read_text()[-2000:])

    def stop(self, signo=signal.SIGTERM):
        if self.process:
            self.process.send_signal(signo)
            self.process.wait(30)
            self.process = None

    def ctr(self, *argv, **more):
        return run("ctr", "-a", self.socket, *argv, **more)

    def load(self, archive):
        for namespace in ("default", "k8s.io"):
            self.ctr("-n", namespace, "image", "import", "--index-name", "unused", archive, check=True)

    def remove_all(self):
        for namespace in ("default", "k8s.io"):
            tasks = self.ctr("-n", namespace, "task", "ls", "-q").stdout.decode().split()
            for task in tasks:
                self.ctr("-n", namespace, "task", "kill", "-s", "SIGKILL", "-a", task)
            time.sleep(1 if tasks else 0)
            for task in tasks:
                self.ctr("-n", namespace, "task", "delete", "-f", task)
            for name in self.ctr("-n", namespace, "container", "ls", "-q").stdout.decode().split():
                self.ctr("-n", namespace, "container", "delete", name)

    def processes(self):
        """Programs that name our directory or write there, containerd left out: what must be none at the end."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            if self.ours(entry, line) and not line.startswith("containerd -c"):
                found.append((int(entry.name), line))
        return found

    def ours(self, entry, line):
        """QEMU says nothing of us on its command line, but it writes its log below our directory."""
        if str(self.base) in line:
            return True
        try:
            return any(os.readlink(entry / "fd" / n).startswith(str(self.base)) for n in ("1", "2"))
        except OSError:
            return False

    def mounts(self):
        return [line for line in open("/proc/self/mounts", encoding="utf-8") if str(self.base) in line]

    def __exit__(self, *_):
        try:
            if self.process:
                self.remove_all()
        finally:
            self.stop()
            for pid, _ in self.processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.2)
            for line in reversed(self.mounts()):
                run("umount", "-l", line.split()[1])
            shutil.rmtree(self.base, ignore_errors=True)
