"""Docker Engine in a network namespace of its own, with sealpod-oci as its runtime or, from 23.0 on, the shim.

Docker 20.10, as Debian 12 has it, starts every container by its own shim and a runtime of the OCI command line. SEALPOD_DOCKER names the
directory of another dockerd (tools/install-peers), SEALPOD_CONTAINERD that of its containerd.

docker.py [PART-OF-A-NAME...]
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from engine import BIN, SKIP, make_rootfs, need, run

IMAGE = "busybox:test"
PEER = os.environ.get("SEALPOD_DOCKER")
if PEER:
    os.environ["PATH"] = f"{PEER}:{os.environ['PATH']}"
SHIMS = 23  # the first release that takes shims of containerd


class Failed(Exception):
    pass


def expect(condition, what, got=""):
    if not condition:
        raise Failed(f"{what}: {got}")


def version():
    words = run("dockerd", "--version", check=True).stdout.decode()
    return int(re.search(r"version (\d+)", words)[1])


class Docker:
    """`with Docker() as d:`; the daemon, its networks and everything it made are gone afterwards."""

    def __init__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="/tmp/spd-"))
        self.netns = f"sealpod-docker-{os.getpid()}"
        self.socket = f"unix://{self.base}/d.sock"
        self.process = None
        (self.base / "sealpod.toml").write_text(
            f'[runtime]\nrun_dir = "{self.base}/r"\nstate_dir = "{self.base}/state"\n\n[handler.sealpod]\nmemory_mib = 384\n')
        runtimes = {"sealpod": {"path": str(BIN / "sealpod-oci"), "runtimeArgs": ["--config-path", str(self.base / "sealpod.toml")]}}
        if version() >= SHIMS:
            runtimes["shim"] = {"runtimeType": "io.containerd.sealpod.v2",
                                "options": {"TypeUrl": "runtimeoptions.v1.Options", "ConfigPath": str(self.base / "sealpod.toml")}}
        self.runtime = "shim" if "shim" in runtimes else "sealpod"
        (self.base / "daemon.json").write_text(json.dumps({"runtimes": runtimes}))

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        run("ip", "netns", "add", self.netns, check=True)
        run("ip", "-n", self.netns, "link", "set", "lo", "up", check=True)
        env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin:/usr/bin:/sbin:/bin"}
        with open(self.base / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.netns}", "dockerd", "--config-file", self.base / "daemon.json", "--data-root",
                 self.base / "root", "--exec-root", self.base / "exec", "--pidfile", self.base / "pid", "-H", self.socket,
                 "--exec-opt", "native.cgroupdriver=cgroupfs"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        for _ in range(300):
            if self.docker("info").returncode == 0:
                break
            if self.process.poll() is not None:
                raise Failed("dockerd does not start:\n" + (self.base / "log").read_text()[-1500:])
            time.sleep(0.1)
        rootfs = make_rootfs(self.base / "rootfs")
        run("sh", "-c", f"tar -C {rootfs} -c . | docker -H {self.socket} import - {IMAGE}", check=True)

    def __exit__(self, *_):
        names = self.docker("ps", "-aq").stdout.decode().split()
        if names:
            self.docker("rm", "-f", *names)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for line in reversed([x for x in open("/proc/self/mounts", encoding="utf-8") if str(self.base) in x]):
            run("umount", "-l", line.split()[1])
        run("ip", "netns", "del", self.netns)
        shutil.rmtree(self.base, ignore_errors=True)

    def docker(self, *argv, **more):
        return run("docker", "-H", self.socket, *argv, **{"timeout": 180, **more})

    def run(self, *argv, **more):
        done = self.docker("run", "--runtime", self.runtime, *argv, **more)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def outside(self, *argv):
        return run("ip", "netns", "exec", self.netns, *argv)


def test_run(d):
    """A container's output, its exit status, its kernel, its network."""
    status, text = d.run("--rm", IMAGE, "sh", "-c", "uname -r; ip -4 address show dev eth0; ip route; hostname; exit 7")
    expect(status == 7, "exit status", (status, text))
    expect(os.uname().release not in text, "a kernel of its own", text)
    expect(re.search(r"inet 172\.17\.0\.\d+/16", text), "address of docker0's network", text)
    expect("default via 172.17.0.1" in text, "default route", text)


def test_network(d):
    """Published ports, container to container, exec, logs, stop."""
    status, text = d.run("-d", "--name", "web", "-p", "18081:80", IMAGE, "sh", "-c",
                         "echo from-the-guest > /tmp/index.html; echo begun; exec httpd -f -p 80 -h /tmp")
    expect(status == 0, "docker run -d", text)
    address = d.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web").stdout.decode().strip()
    for _ in range(50):
        seen = d.outside("curl", "-sS", "-m", "5", f"http://{address}/").stdout.decode()
        if "from-the-guest" in seen:
            break
        time.sleep(0.2)
    expect("from-the-guest" in seen, f"http://{address}/", seen)
    seen = d.outside("curl", "-sS", "-m", "10", "http://172.17.0.1:18081/").stdout.decode()
    expect("from-the-guest" in seen, "published port", seen)
    status, text = d.run("--rm", IMAGE, "sh", "-c", f"ping -c 1 -W 5 {address} && wget -q -O- http://{address}/")
    expect(status == 0 and "from-the-guest" in text, "from container to container", text)
    expect(b"begun" in d.docker("logs", "web").stdout, "docker logs")
    done = d.docker("exec", "web", "sh", "-c", "echo inside; exit 3")
    expect(done.returncode == 3 and b"inside" in done.stdout, "docker exec", (done.returncode, done.stdout, done.stderr))
    done = d.docker("stop", "-t", "2", "web")
    expect(done.returncode == 0, "docker stop", done.stderr)
    done = d.docker("rm", "web")
    expect(done.returncode == 0, "docker rm", done.stderr)


def test_none(d):
    status, text = d.run("--rm", "--network", "none", IMAGE, "ls", "/sys/class/net")
    expect(status == 0 and "lo" in text.split() and "eth0" not in text, "--network none", text)


def test_oci(d):
    """From 23.0 on both ways are there."""
    if d.runtime == "sealpod":
        return
    done = d.docker("run", "--runtime", "sealpod", "--rm", IMAGE, "sh", "-c", "ip -4 address show dev eth0; exit 5")
    expect(done.returncode == 5 and b"inet 172.17.0." in done.stdout, "by sealpod-oci", (done.returncode, done.stdout, done.stderr))


def main():
    if PEER and not (pathlib.Path(PEER) / "dockerd").exists():
        print(f"SKIPPED: no {PEER}/dockerd (tools/install-peers)")
        return SKIP
    need("dockerd", "docker", "ip", "nsenter", "curl", "iptables")
    if os.getuid() != 0 or not (BIN / "sealpod-oci").exists():
        print("SKIPPED: needs root and sealpod-oci")
        return SKIP
    tests = [f for n, f in sorted(globals().items()) if n.startswith("test_") and (not sys.argv[1:] or any(a in n for a in sys.argv[1:]))]
    bad = 0
    with Docker() as d:
        for test in tests:
            began = time.monotonic()
            try:
                test(d)
                print(f"ok   {test.__name__} {time.monotonic() - began:.1f} s", flush=True)
            except Failed as why:
                bad += 1
                print(f"FAIL {test.__name__}: {why}", flush=True)
                (pathlib.Path("/tmp") / "sealpod-docker.log").write_bytes((d.base / "log").read_bytes())
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
