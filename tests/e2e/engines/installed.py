"""A handler of the configuration, told to containerd by `sealpod install`, runs pods over CRI by its own name, honours the annotations that
it lists and refuses the others by name; `uninstall` takes it out again.

installed.py   two real machines at most, one after the other
"""

import json
import pathlib
import re
import shutil
import sys

from cri_client import Kubelet
from engine import BIN, Containerd, need, run

PREFIX = "io.katacontainers.config.hypervisor."
SMALL = """
[handler.small]
platform = "none"
memory_mib = 256
annotations = ["default_memory"]
"""


def expect(condition, what, got=""):
    if not condition:
        print(f"FAILED: {what}: {got}")
        raise SystemExit(1)
    print(f"ok: {what}", flush=True)


def change(engine, command, *more):
    """The engine's directory plays the host: its programs are ours, by a link."""
    done = run(BIN / "sealpod", command, "containerd", "--root", engine.base, "--file", "/config.toml", "--bin-dir", BIN, *more)
    expect(done.returncode == 0, f"sealpod {command}", done.stderr.decode())
    return done.stdout.decode()


def memory_of_qemu(engine):
    """Of the machine, in MiB, as its command line has it."""
    stats = json.loads(run(BIN / "sealpod", "pod", "stats", "--json", "--run-dir", engine.run_dir, check=True).stdout)
    pid = next(h["pid"] for h in stats[0]["host"] if h["process"] == "qemu")
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return re.sub("[^0-9].*", "", words[words.index("-m") + 1].removeprefix("size="))


def pods(engine):
    return json.loads(run(BIN / "sealpod", "pod", "ps", "--json", "--run-dir", engine.run_dir, check=True).stdout)


def host_network(kubelet):
    option = kubelet.pb.NamespaceOption(network=2)
    return {"security_context": kubelet.pb.LinuxSandboxSecurityContext(namespace_options=option)}


def runs(engine, kubelet):
    pod = kubelet.run_pod("small", {PREFIX + "default_memory": "320"}, **host_network(kubelet))
    container = pod.create("app", ["/bin/sh", "-c", "echo from $(uname -s)"])
    container.start()
    expect(container.wait().exit_code == 0, "a container of the handler ends well", container.logs())
    expect(container.logs() == "from Linux", "its log", container.logs())
    expect(pods(engine)[0]["platform"] == "none", "the pod's platform", pods(engine))
    expect(memory_of_qemu(engine) == "320", "default_memory is honoured", memory_of_qemu(engine))
    pod.remove()


def refuses(kubelet):
    for name, value in (("default_vcpus", "2"), ("path", "/bin/sh")):
        try:
            kubelet.run_pod("refused", {PREFIX + name: value}, **host_network(kubelet)).remove()
            expect(False, f"{name} is refused", "the pod runs")
        except kubelet.error as e:
            expect("config.annotation" in e.details() and name in e.details(), f"{name} is refused by its name", e.details())


def main():
    need("containerd", "ctr")
    engine = Containerd(extra=SMALL)
    before = (engine.base / "config.toml").read_bytes()
    inside = engine.base / BIN.relative_to("/")
    inside.parent.mkdir(parents=True)
    inside.symlink_to(BIN)
    try:
        classes = change(engine, "install", "--handler", "small", "--config", engine.runtime_config)
        expect("handler: small" in classes, "the RuntimeClass", classes)
        with engine:
            kubelet = Kubelet(engine, "small")
            runs(engine, kubelet)
            refuses(kubelet)
            engine.stop()
            change(engine, "uninstall")
            expect((engine.base / "config.toml").read_bytes() == before, "the file is as before")
            expect(not (BIN / "containerd-shim-small-v2").exists(), "the link is gone")
    finally:
        (BIN / "containerd-shim-small-v2").unlink(missing_ok=True)
        shutil.rmtree(engine.base, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
