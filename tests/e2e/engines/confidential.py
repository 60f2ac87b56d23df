#!/usr/bin/env python3
"""The Kubernetes part of confidential.sh, which makes broker, registry, image and bridge and sets the environment."""

import json
import os
import pathlib
import subprocess
import sys
import time

import confined
import engine
from cri import Checks, until
from cri_client import Kubelet

CNI = """{"cniVersion": "0.4.0", "name": "confidential", "plugins": [{"type": "bridge", "bridge": "%s", "isGateway": true,
  "ipam": {"type": "host-local", "dataDir": "%s", "ranges": [[{"subnet": "%s"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}"""
HANDLER = """
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.sealpod-vtpm]
  runtime_type = "io.containerd.sealpod-vtpm.v2"
  pod_annotations = ["io.katacontainers.*"]
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.sealpod-vtpm.options]
    ConfigPath = "{config}"
"""
ANNOTATION = "io.katacontainers.config.hypervisor.cc_init_data"
STACK = pathlib.Path(os.environ["S"])
SEALPOD, IMAGE = os.environ["SEALPOD"], os.environ["IMAGE"]
SCRIPT = "cat /etc/secret.txt; echo variable: $TOKEN; echo file: $(cat /secrets/token); exec sleep 100000"


def tool(*argv):
    return subprocess.run([SEALPOD, *map(str, argv)], check=True, capture_output=True).stdout.decode().strip()


POD = """
apiVersion: v1
kind: Pod
metadata: {name: confidential}
spec:
  containers:
  - name: app
    image: %s
    command: [/bin/sh, -c, %s]
    env: [{name: TOKEN, value: %s}]
    livenessProbe: {exec: {command: [/bin/cat, /etc/secret.txt]}}
    volumeMounts: [{name: token, mountPath: /secrets, readOnly: true}]
  volumes: [{name: token, secret: {secretName: token}}]
"""


def initdata():
    """What the tenant allows is what the pod's YAML says; the image is the one that the registry has now."""
    ca = pathlib.Path(os.environ["KBS_DIR"]) / "tls-ca.pem"
    (STACK / "pod.yaml").write_text(POD % (IMAGE, json.dumps(SCRIPT), json.dumps(os.environ["SEALED"])))
    made = ["policy", "make", STACK / "pod.yaml", "--allow-logs", "--allow-stdin", "--ca", ca, "--kbs-ca", ca,
            "--kbs", f"https://{os.environ['HOST_IN_GUEST']}:{os.environ['KBS_PORT']}",
            "--image-policy", STACK / "image-policy.json"]
    tool(*made, "--format", "initdata", "-o", STACK / "pod-initdata.toml")
    tool("kbs", "reference", "add", "initdata", tool("initdata", "digest", STACK / "pod-initdata.toml"), "--dir", os.environ["KBS_DIR"])
    return tool(*made, "--format", "annotation")


def secret_volume(containerd):
    directory = containerd.base / "pods/uid/volumes/kubernetes.io~secret/token"
    directory.mkdir(parents=True)
    (directory / "token").write_text(os.environ["SEALED"])
    return directory


def refused(what):
    """The text of the refusal; empty when it was let through."""
    try:
        what()
    except Exception as e:
        return e.details() if hasattr(e, "details") else str(e)
    return "let through"


def workload(check, pod, mounts):
    begun = time.monotonic()
    app = pod.run("app", ["/bin/sh", "-c", SCRIPT], mounts=mounts, image=IMAGE, env={"TOKEN": os.environ["SEALED"]}, timeout=240)
    print(f"container started after {time.monotonic() - begun:.1f} s", flush=True)
    check("the encrypted image runs", until(lambda: "encrypted when it left" in app.logs()), lambda x: x is True)
    check("a sealed secret as variable", until(lambda: "variable: the secret of the tenant" in app.logs()), lambda x: x is True)
    check("and as file", until(lambda: "file: the secret of the tenant" in app.logs()), lambda x: x is True)
    check("exec as the manifest allows", app.exec("/bin/cat", "/etc/secret.txt").stdout, "encrypted when it left")
    return app


def host_attacks(check, pod, app, mounts):
    """Requests of a host that wants more. Each is refused by the guest, with a code that says why."""
    usual = {"mounts": mounts, "image": IMAGE, "env": {"TOKEN": os.environ["SEALED"]}}
    argv = ["/bin/sh", "-c", SCRIPT]
    check("exec of another command", refused(lambda: app.exec("/bin/sh", "-c", "cat /secrets/token")), "manifest.exec")
    app.stop(timeout=0)
    app.remove()
    attacks = {
        "other arguments": ("manifest.argv", ["/bin/sh", "-c", "cat /secrets/token"], usual),
        "another variable": ("manifest.env", argv, {**usual, "env": {**usual["env"], "LD_PRELOAD": "/evil.so"}}),
        "another value of a variable": ("manifest.env", argv, {**usual, "env": {"TOKEN": "mine"}}),
        "a place more": ("manifest.", argv, {**usual, "mounts": [*mounts, (pod.k.c.base / "rootfs/etc", "/bin", False)]}),
        "another user": ("manifest.user", argv, {**usual, "run_as_user": pod.k.pb.Int64Value(value=1000)}),
        "a capability more": ("manifest.capabilities", argv, {**usual, "capabilities": pod.k.pb.Capability(add_capabilities=["SYS_ADMIN"])}),
        "another name": ("manifest.container", argv, usual),
    }
    for what, (code, words, more) in attacks.items():
        name = "other" if what == "another name" else "app"
        check(what, refused(lambda w=words, m=more, n=name: pod.run(n, w, timeout=240, **m)), code)


def shim_of(pod):
    """The process that the machine of the pod, the only one here, belongs to."""
    for entry in pathlib.Path("/proc").iterdir():
        line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        if line.startswith(b"qemu-system") and os.environ["S"].encode() not in line:
            return int(confined.status(entry.name)["PPid"])
    raise RuntimeError(f"no machine of {pod}")


def main():
    check = Checks()
    with engine.Containerd(handlers=HANDLER, state_dir="/var/lib/sealpod") as containerd:  # the TPM authority that the broker was told of
        (containerd.base / "cni/10-test.conflist").write_text(
            CNI % (os.environ["BRIDGE"], containerd.base / "ipam", os.environ["SUBNET"]))
        # The host only needs a name to hand on: what runs is pulled, verified and decrypted in the guest.
        for namespace in ("default", "k8s.io"):
            containerd.ctr("-n", namespace, "image", "tag", engine.IMAGE, IMAGE, check=True)
        time.sleep(6)  # the engine looks at its CNI directory now and then
        mounts = [(secret_volume(containerd), "/secrets", True)]
        kubelet = Kubelet(containerd, "sealpod-vtpm")
        begun = time.monotonic()
        try:
            pod = kubelet.run_pod("confidential", {ANNOTATION: initdata()}, timeout=300)
            print(f"pod ready after {time.monotonic() - begun:.1f} s", flush=True)
            app = workload(check, pod, mounts)
            check("QEMU and swtpm are confined", confined.faults(shim_of("confidential"), ("qemu-system-x86", "swtpm")), lambda x: x == [])
            host_attacks(check, pod, app, mounts)
            pod.remove()
        except Exception:
            print((containerd.base / "containerd.log").read_text()[-4000:])
            raise
    print(f"{check.passed} passed, {len(check.failed)} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
