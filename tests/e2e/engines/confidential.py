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
STORE, DATA = os.environ["STORE"], os.environ["DATA"]
KEY = "kbs:///default/key/data"
SCRIPT = ("cat /etc/secret.txt; echo variable: $TOKEN; echo file: $(cat /secrets/token); df -k /scratch /data | grep dm-; "
          "cat /data/kept 2>&1; echo kept words >/data/kept; sync; "
          "while sleep 1; do echo now: $(cat /secrets/token); done")
BIG = "ls -l /big/file; df -k / | tail -1; head -c 20 /big/file; ls /dev/trusted_store; exec sleep 100000"
SCRATCH_KIB = 20 * 1024


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
    volumeMounts:
    - {name: token, mountPath: /secrets, readOnly: true}
    - {name: scratch, mountPath: /scratch}
    - {name: data, mountPath: /data}
    volumeDevices: [{name: images, devicePath: /dev/trusted_store}]
  - name: big
    image: %s
    command: [/bin/sh, -c, %s]
    volumeDevices: [{name: images, devicePath: /dev/trusted_store}]
  volumes:
  - {name: token, secret: {secretName: token}}
  - {name: scratch, emptyDir: {sizeLimit: 20Mi}}
  - {name: data, persistentVolumeClaim: {claimName: data}}
  - {name: images, persistentVolumeClaim: {claimName: images}}
"""


def initdata():
    """What the tenant allows is what the pod's YAML says; the image is the one that the registry has now."""
    ca = pathlib.Path(os.environ["KBS_DIR"]) / "tls-ca.pem"
    (STACK / "pod.yaml").write_text(
        POD % (IMAGE, json.dumps(SCRIPT), json.dumps(os.environ["SEALED"]), os.environ["BIG_IMAGE"], json.dumps(BIG)))
    made = ["policy", "make", STACK / "pod.yaml", "--allow-logs", "--allow-stdin", "--volume-key", f"data={KEY},create", "--ca", ca, "--kbs-ca", ca,
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


def volumes(containerd):
    """What the host gives: the secret's files, an empty directory, a disk for data; and one for images."""
    scratch = containerd.base / "pods/uid/volumes/kubernetes.io~empty-dir/scratch"
    scratch.mkdir(parents=True)
    return [(secret_volume(containerd), "/secrets", True), (scratch, "/scratch", False), (DATA, "/data", False)]


def from_df(text, at):
    """Total and available KiB of the file system at that place."""
    line = next((line.split() for line in text.splitlines() if line.endswith(" " + at)), None)
    return (int(line[1]), int(line[3]), line[0]) if line else (0, 0, "none")


def workload(check, pod, mounts):
    begun = time.monotonic()
    app = pod.run("app", ["/bin/sh", "-c", SCRIPT], mounts=mounts, image=IMAGE, env={"TOKEN": os.environ["SEALED"]}, timeout=240,
                  devices=[(STORE, "/dev/trusted_store")])
    print(f"container started after {time.monotonic() - begun:.1f} s", flush=True)
    check("the encrypted image runs", until(lambda: "encrypted when it left" in app.logs()), lambda x: x is True)
    check("a sealed secret as variable", until(lambda: "variable: the secret of the tenant" in app.logs()), lambda x: x is True)
    check("and as file", until(lambda: "file: the secret of the tenant" in app.logs()), lambda x: x is True)
    until(lambda: "now: " in app.logs())
    total, available, device = from_df(app.logs(), "/scratch")
    check("an emptyDir is encrypted", device, "/dev/dm-")
    check("and has what its sizeLimit says", available, lambda x: x == SCRATCH_KIB)
    check("a disk with a key of the broker was made", from_df(app.logs(), "/data")[2], "/dev/dm-")
    check("exec as the manifest allows", app.exec("/bin/cat", "/etc/secret.txt").stdout, "encrypted when it left")
    return app


def sealed_update(check, app, directory):
    """What kubelet does when a Secret has changed; the container sees what the new reference stands for."""
    (directory / "token").write_text(os.environ["SEALED_NEW"])
    check("a sealed file follows its update", until(lambda: "now: the next secret" in app.logs()), lambda x: x is True)


def big_image(check, pod):
    """More than the guest's memory has room for."""
    begun = time.monotonic()
    big = pod.run("big", ["/bin/sh", "-c", BIG], image=os.environ["BIG_IMAGE"], timeout=400,
                  devices=[(STORE, "/dev/trusted_store")])
    print(f"image of {os.environ['BIG_MIB']} MiB after {time.monotonic() - begun:.1f} s", flush=True)
    until(lambda: "trusted_store" in big.logs())
    logs = big.logs()
    check("an image larger than memory runs", logs, str(int(os.environ["BIG_MIB"]) * 1024 * 1024))
    check("its device is not in the container", logs, "No such file")
    check("its root file system is on the disk", from_df(logs, "/")[0], lambda x: x > int(os.environ["BIG_MIB"]) * 1024)


def volume_on_disk(check):
    """After the pod: LUKS2 that cryptsetup reads with the broker's key, and nothing of the words in clear."""
    def cryptsetup(*argv, key=None):
        return subprocess.run(["/usr/sbin/cryptsetup", *argv], input=key, capture_output=True)
    check("the disk is a LUKS2 volume", cryptsetup("luksDump", DATA).stdout.decode(), "integrity: hmac(sha256)")
    key = (STACK / "data.key").read_bytes()
    tried = cryptsetup("open", "--test-passphrase", "--key-file", "-", DATA, key=key)
    check("the broker's key opens it", tried.returncode, lambda x: x == 0)
    check("no other does", cryptsetup("open", "--test-passphrase", "--key-file", "-", DATA, key=b"x" * 32).returncode,
          lambda x: x != 0)
    for what, words, disk in (("nothing is on it in clear", "kept words", DATA), ("nor on the disk of images", "applet not found", STORE)):
        check(what, subprocess.run(["grep", "-qaF", words, disk]).returncode, lambda x: x == 1)


def host_attacks(check, pod, app, mounts):
    """Requests of a host that wants more. Each is refused by the guest, with a code that says why."""
    usual = {"mounts": mounts, "image": IMAGE, "env": {"TOKEN": os.environ["SEALED"]}}
    plain = [(pod.k.c.base / "rootfs/etc" if d == "/data" else s, d, ro) for s, d, ro in mounts]
    argv = ["/bin/sh", "-c", SCRIPT]
    check("exec of another command", refused(lambda: app.exec("/bin/sh", "-c", "cat /secrets/token")), "manifest.exec")
    app.stop(timeout=0)
    app.remove()
    attacks = {
        "other arguments": ("manifest.argv", ["/bin/sh", "-c", "cat /secrets/token"], usual),
        "another variable": ("manifest.env", argv, {**usual, "env": {**usual["env"], "LD_PRELOAD": "/evil.so"}}),
        "another value of a variable": ("manifest.env", argv, {**usual, "env": {"TOKEN": "mine"}}),
        "a place more": ("manifest.", argv, {**usual, "mounts": [*mounts, (pod.k.c.base / "rootfs/etc", "/bin", False)]}),
        "files of the host in place of the encrypted disk": ("manifest.volumes", argv, {**usual, "mounts": plain}),
        "a disk that is not listed": ("manifest.devices", argv, {**usual, "devices": [(DATA, "/dev/sdz")]}),
        "another user": ("manifest.user", argv, {**usual, "run_as_user": pod.k.pb.Int64Value(value=1000)}),
        "a capability more": ("manifest.capabilities", argv, {**usual, "capabilities": pod.k.pb.Capability(add_capabilities=["SYS_ADMIN"])}),
        "another name": ("manifest.container", argv, usual),
    }
    for what, (code, words, more) in attacks.items():
        name = "other" if what == "another name" else "app"
        check(what, refused(lambda w=words, m=more, n=name: pod.run(n, w, timeout=240, **m)), code)


def shim_of(pod):
    """The process that the pod's machine belongs to; other tests may have theirs."""
    for entry in pathlib.Path("/proc").iterdir():
        line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        if line.startswith(b"qemu-system") and f"sealpod-{pod.id}".encode() in line:
            return int(confined.status(entry.name)["PPid"])
    raise RuntimeError(f"no machine of {pod.id}")


def main():
    check = Checks()
    extra = "[handler.sealpod-vtpm]\nmemory_mib = 384\n"
    # The TPM authority is the one that the broker was told of.
    with engine.Containerd(handlers=HANDLER, extra=extra, state_dir="/var/lib/sealpod") as containerd:
        (containerd.base / "cni/10-test.conflist").write_text(
            CNI % (os.environ["BRIDGE"], containerd.base / "ipam", os.environ["SUBNET"]))
        # The host only needs a name to hand on: what runs is pulled, verified and decrypted in the guest.
        for namespace in ("default", "k8s.io"):
            containerd.ctr("-n", namespace, "image", "tag", engine.IMAGE, IMAGE, check=True)
        time.sleep(6)  # the engine looks at its CNI directory now and then
        # An image of its own: the engine asks by the first name that it has for one.
        containerd.load(engine.make_image(containerd.base, containerd.rootfs, "localhost/stand-in:1", {"Cmd": ["/bin/true"]}))
        containerd.ctr("-n", "k8s.io", "image", "tag", "localhost/stand-in:1", os.environ["BIG_IMAGE"], check=True)
        mounts = volumes(containerd)
        kubelet = Kubelet(containerd, "sealpod-vtpm")
        begun = time.monotonic()
        try:
            pod = kubelet.run_pod("confidential", {ANNOTATION: initdata()}, timeout=300)
            print(f"pod ready after {time.monotonic() - begun:.1f} s", flush=True)
            app = workload(check, pod, mounts)
            check("QEMU and swtpm are confined", confined.faults(shim_of(pod), ("qemu-system-x86", "swtpm"), (STORE, DATA)),
                  lambda x: x == [])
            sealed_update(check, app, mounts[0][0])
            big_image(check, pod)
            host_attacks(check, pod, app, mounts)
            pod.remove()
            volume_on_disk(check)
        except Exception:
            print((containerd.base / "containerd.log").read_text()[-4000:])
            raise
    print(f"{check.passed} passed, {len(check.failed)} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
