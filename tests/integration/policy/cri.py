#!/usr/bin/python3
"""What `sealpod policy make` derives from YAML allows what a real container engine asks for, and nothing beside it.

A registry of its own holds the images, containerd's CRI plugin gets what kubelet would send for the YAML (with runc, so that
no guest is needed), and its config.json is asked of the manifest by `sealpod policy test`.
"""

import copy
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "tests/e2e/engines"))
import engine  # noqa: E402
from cri_client import Kubelet  # noqa: E402

SEALPOD = pathlib.Path(os.environ["SEALPOD_BIN"]) / "sealpod"
CNI = """{"cniVersion": "0.4.0", "name": "sealpod-policy", "plugins": [{"type": "ptp", "ipam": {
 "type": "host-local", "dataDir": "%s/ipam", "ranges": [[{"subnet": "10.214.%d.0/24"}]]}}]}"""
SERVICES = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", "KUBERNETES_SERVICE_PORT_HTTPS": "443",
            "KUBERNETES_PORT": "tcp://10.96.0.1:443", "KUBERNETES_PORT_443_TCP": "tcp://10.96.0.1:443",
            "KUBERNETES_PORT_443_TCP_PROTO": "tcp", "KUBERNETES_PORT_443_TCP_PORT": "443",
            "KUBERNETES_PORT_443_TCP_ADDR": "10.96.0.1", "DB_SERVICE_HOST": "fd00::7", "DB_PORT": "tcp://[fd00::7]:5432"}

YAML = """
apiVersion: v1
kind: Pod
metadata:
  name: shop   # as the CRI's
  namespace: default
spec:
  securityContext: {fsGroup: 4000, supplementalGroups: [5000]}
  initContainers:
  - name: init
    image: REGISTRY/app:1
    command: [/bin/true]
  containers:
  - name: plain
    image: REGISTRY/app:1
  - name: args
    image: REGISTRY/app:1
    args: [--name=$(NAME)]
    env:
    - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
  - name: strict
    image: REGISTRY/app:1
    command: [/bin/sleep, "1000"]
    workingDir: /tmp
    securityContext:
      runAsUser: 1000
      runAsGroup: 1000
      readOnlyRootFilesystem: true
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}
      seccompProfile: {type: RuntimeDefault}
    volumeMounts:
    - {name: scratch, mountPath: /scratch}
    - {name: config, mountPath: /config, readOnly: true}
  - name: strong
    image: REGISTRY/app:1
    command: [/bin/sleep, "1000"]
    securityContext: {privileged: true}
  volumes:
  - {name: scratch, emptyDir: {}}
  - name: config
    configMap: {name: settings}
"""
# As confidential handlers are configured: the host's devices mean nothing in a guest.
HANDLER = """
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.guest]
  runtime_type = "io.containerd.runc.v2"
  privileged_without_host_devices = true
"""


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, 0

    def __call__(self, what, good, why=""):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok' if good else 'FAILED'}: {what}{'' if good else ': ' + str(why)}", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Registry:
    """docker-registry without TLS on a port of this machine."""

    def __init__(self, base):
        self.name = f"127.0.0.1:{free_port()}"
        config = base / "registry.yml"
        config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {base}/registry}}}}\nhttp: {{addr: {self.name}}}\n")
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            if engine.run("curl", "-sf", f"http://{self.name}/v2/").returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError("the registry does not start")

    def push(self, archive, name):
        plain = archive.with_name("image.tar")  # its own name has a colon
        shutil.copy(archive, plain)
        engine.run("skopeo", "copy", "--dest-tls-verify=false", f"oci-archive:{plain}", f"docker://{name}", check=True)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def sealpod(*argv):
    return engine.run(SEALPOD, *argv, timeout=120)


def spec_of(containerd, container):
    return json.loads((containerd.base / f"ctd/io.containerd.runtime.v2.task/k8s.io/{container.id}/config.json").read_text())


def ask(base, manifest, requests, *options):
    """The answers, one a request."""
    path = base / "request.json"
    path.write_text(json.dumps(requests))
    result = sealpod("policy", "test", "--json", *options, manifest, path)
    if result.returncode not in (0, 1):
        raise RuntimeError(result.stderr.decode())
    return json.loads(result.stdout)


def kubelet_mounts(base, name):
    """What kubelet mounts into every container, and the volumes of the one that has some."""
    place = base / "kubelet" / name
    for sub in ("token", "scratch", "config"):
        (place / sub).mkdir(parents=True, exist_ok=True)
    (place / "hosts").write_text("127.0.0.1 localhost\n")
    (place / "log").touch()
    own = [(place / "hosts", "/etc/hosts", False), (place / "log", "/dev/termination-log", False),
           (place / "token", "/var/run/secrets/kubernetes.io/serviceaccount", True)]
    return own + ([(place / "scratch", "/scratch", False), (place / "config", "/config", True)] if name == "strict" else [])


def run_pod(kubelet, image):
    """The containers of the YAML, as kubelet asks for them."""
    pb, base = kubelet.pb, kubelet.c.base
    groups = {"supplemental_groups": [5000, 4000]}
    pod = kubelet.run_pod("shop", security_context=pb.LinuxSandboxSecurityContext(privileged=True))
    caps = pb.Capability
    containers = {
        "init": dict(argv=["/bin/true"]),
        "plain": dict(argv=[]),
        "args": dict(argv=[], args=["--name=shop"], env={"NAME": "shop", "NODE": "node-1.example"}),
        "strict": dict(argv=["/bin/sleep", "1000"], cwd="/tmp", run_as_user=pb.Int64Value(value=1000),
                       run_as_group=pb.Int64Value(value=1000), readonly_rootfs=True, no_new_privs=True,
                       capabilities=caps(add_capabilities=["NET_BIND_SERVICE"], drop_capabilities=["ALL"])),
        "strong": dict(argv=["/bin/sleep", "1000"], privileged=True),
    }
    specs = {}
    for name, more in containers.items():
        args, cwd = more.pop("args", None), more.pop("cwd", None)
        env = {**SERVICES, **more.pop("env", {})}
        container = create(pod, name, image, kubelet_mounts(base, name), env, args, cwd, {**groups, **more})
        container.start()
        specs[name] = spec_of(kubelet.c, container)
    return pod, specs


def create(pod, name, image, mounts, env, args, cwd, more):
    """Like Pod.create(), with arguments and a directory."""
    stub, made = pod.k.stub.CreateContainer, []

    def change(request, timeout):
        if args:
            request.config.args.extend(args)
        if cwd:
            request.config.working_dir = cwd
        made.append(stub(request, timeout=timeout))
        return made[-1]

    pod.k.stub.CreateContainer = change
    try:
        return pod.create(name, more.pop("argv"), mounts=mounts, env=env, image=image, **more)
    finally:
        pod.k.stub.CreateContainer = stub


def changed(spec, change):
    spec = copy.deepcopy(spec)
    change(spec)
    return spec


def set_in(path, value):
    def change(spec):
        at = spec
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
    return change


def add_mount(at):
    return lambda s: s["mounts"].append({"destination": at, "type": "bind", "source": "/etc", "options": ["rbind", "ro"]})


ATTACKS = [
    ("another argument", "args", lambda s: s["process"]["args"].append("--insecure"), "manifest.argv"),
    ("another command", "plain", lambda s: s["process"].update(args=["/bin/sh"]), "manifest.argv"),
    ("a variable more", "plain", lambda s: s["process"]["env"].append("LD_PRELOAD=/config/x.so"), "manifest.env"),
    ("another value", "args", lambda s: s["process"]["env"].append("NAME=other"), "manifest.env"),
    ("a service's variable that is none", "plain", lambda s: s["process"]["env"].append("DB_SERVICE_HOST=$(evil)"), "manifest.env"),
    ("root instead of a user", "strict", set_in(["process", "user", "uid"], 0), "manifest.user"),
    ("a group more", "strict", lambda s: s["process"]["user"]["additionalGids"].append(6), "manifest.user"),
    ("another directory", "strict", set_in(["process", "cwd"], "/config"), "manifest.cwd"),
    ("a capability more", "strict", lambda s: s["process"]["capabilities"]["bounding"].append("CAP_SYS_ADMIN"), "manifest.capabilities"),
    ("a writable root", "strict", set_in(["root", "readonly"], False), "manifest.rootfs"),
    ("a mount over the program", "plain", add_mount("/bin"), "manifest.mounts"),
    ("a mount over accounts", "strict", add_mount("/etc/passwd"), "manifest.mounts"),
    ("a writable /sys", "plain", lambda s: s["mounts"].append({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["rw"]}), "manifest.mounts"),
    ("a device", "strict", lambda s: s["linux"].setdefault("devices", []).append({"path": "/dev/mem", "type": "c", "major": 1, "minor": 1}), "manifest.devices"),
    ("a kernel setting", "plain", lambda s: s["linux"].setdefault("sysctl", {}).update({"kernel.core_pattern": "|/x"}), "manifest.sysctl"),
    ("another image", "plain", lambda s: s["annotations"].update({"io.kubernetes.cri.image-name": "registry.example/app:1"}), "manifest.image"),
    ("another name", "plain", lambda s: s["annotations"].update({"io.kubernetes.cri.container-name": "other"}), "manifest.container"),
    ("a hook in the guest", "plain", lambda s: s.update(hooks={"startContainer": [{"path": "/bin/sh"}]}), "manifest.hooks"),
]


def check_engine(check, base, manifest, specs, options):
    for name, spec in specs.items():
        answer = ask(base, manifest, [spec], *options)[0]
        check(f"container {name} as containerd asks for it", answer["allowed"], answer)
    whole = ask(base, manifest, list(specs.values()), *options)
    check("all of them in one pod", all(a["allowed"] for a in whole), whole)
    again = ask(base, manifest, [specs["plain"], specs["plain"]], *options)
    check("the same one twice is refused", again[1].get("code") == "manifest.container", again)
    for what, name, change, code in ATTACKS:
        answer = ask(base, manifest, [changed(specs[name], change)], *options)[0]
        check(f"refused: {what}", not answer["allowed"] and answer.get("code") == code, answer)


def check_make(check, base, registry, image):
    yaml = base / "pod.yaml"
    yaml.write_text(YAML.replace("REGISTRY", registry.name))
    made = sealpod("policy", "make", "--plain-http", "--format", "manifest", "-o", base / "manifest.json", yaml)
    check("policy make", made.returncode == 0, made.stderr.decode())
    digest = engine.run("skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{image}").stdout.decode().strip()
    containers = json.loads((base / "manifest.json").read_text())["containers"]
    check("images are pinned to the registry's digest", all(c["image"] == f"{image}@{digest}" for c in containers), containers[0]["image"])
    check("the image's entry point stands before args", containers[2]["argv"] == ["/bin/sleep", "--name=shop"], containers[2].get("argv"))
    check("VOLUME of the image", any(v["at"] == "/var/lib/app" and v["kind"] == "image" for v in containers[1]["volumes"]), containers[1])
    before = yaml.read_bytes()
    made = sealpod("policy", "make", "--plain-http", "-i", "--allow-logs", yaml)
    check("policy make --in-place", made.returncode == 0 and b"cc_init_data" in yaml.read_bytes(), made.stderr.decode())
    lines = yaml.read_bytes().splitlines()
    kept = [line for line in lines if b"cc_init_data" not in line and line.strip() != b"annotations:"]
    check("nothing else of the YAML is touched", kept == before.splitlines(), kept)
    difference = sealpod("policy", "diff", base / "manifest.json", yaml)
    check("policy diff tells the one difference", (difference.returncode, difference.stdout) == (1, b"+ allow: logs\n"), difference.stdout)
    absent = sealpod("policy", "make", "--plain-http", "--image", f"{image}=docker://{registry.name}/none:1", yaml)
    check("an image that is not there is an error", absent.returncode == 2 and b"container init: image" in absent.stderr, absent.stderr)
    return yaml


def main():
    for name in ("docker-registry", "skopeo", "containerd", "ctr", "runc", "curl"):
        if not shutil.which(name):
            print(f"SKIPPED: no {name}")
            return engine.SKIP
    check = Checks()
    with engine.Containerd(HANDLER, prefix="/tmp/sealpod-policy-") as containerd:
        (containerd.base / "cni/10-test.conflist").write_text(CNI % (containerd.base, os.getpid() % 200))
        registry = Registry(containerd.base)
        try:
            image = f"{registry.name}/app:1"
            archive = engine.make_image(containerd.base, containerd.rootfs, image, {
                "Entrypoint": ["/bin/sleep"], "Cmd": ["1000"], "Env": ["PATH=/bin:/usr/bin", "FROM_IMAGE=yes"],
                "Volumes": {"/var/lib/app": {}}})
            registry.push(archive, image)
            containerd.load(archive)
            yaml = check_make(check, containerd.base, registry, image)
            time.sleep(6)  # the engine looks at its CNI directory now and then
            pod, specs = run_pod(Kubelet(containerd, "guest"), image)
            check_engine(check, containerd.base, yaml, specs, ["--plain-http", "--image-pull", "registry", "--rootfs", containerd.rootfs])
            pod.remove()
        finally:
            registry.stop()
    print(f"{check.passed} passed, {check.failed} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
