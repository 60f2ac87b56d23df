#!/usr/bin/env python3
"""Kubernetes pods through containerd's CRI plugin: what kubelet does, with real guests.

Usage: cri.py [-n CYCLES] [--sandboxer shim] [HANDLER]     (default: 20 create/delete cycles, handler sealpod; `runc` shows that the test is right)
"""

import argparse
import concurrent.futures
import os
import sys
import time

import engine
from cri_client import Kubelet

CNI = """{"cniVersion": "0.4.0", "name": "sealpod-test", "plugins": [
 {"type": "bridge", "bridge": "%s", "isGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "%s", "ranges": [[{"subnet": "10.213.%d.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
 {"type": "portmap", "capabilities": {"portMappings": true}}]}"""
SLEEP = ["/bin/sleep", "100000"]


class Checks:
    def __init__(self):
        self.failed, self.passed = [], 0

    def __call__(self, what, got, wanted):
        good = wanted(got) if callable(wanted) else wanted in str(got)
        self.passed += good
        if not good:
            self.failed.append(what)
        print(f"{'ok' if good else 'FAILED'}: {what}" + ("" if good else f": got {got!r}, wanted {wanted if isinstance(wanted, str) else 'another'!r}"), flush=True)


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.5)
    return what()


def volume(base, name, **files):
    """A ConfigMap's directory as kubelet makes it: a link to the current version."""
    directory = base / name
    directory.mkdir(exist_ok=True)
    version = directory / f"..{time.monotonic_ns()}"
    version.mkdir()
    for key, text in files.items():
        (version / key).write_text(text)
        if not (directory / key).is_symlink():
            (directory / key).symlink_to(f"..data/{key}")
    for link in directory.iterdir():
        if link.is_symlink() and link.name not in files and link.name != "..data":
            link.unlink()
    new = directory / "..data_tmp"
    new.symlink_to(version.name)
    os.replace(new, directory / "..data")
    return directory


def pod_of_all_kinds(check, kubelet):
    base = kubelet.c.base
    begun = time.monotonic()
    pod = kubelet.run_pod("everything")
    print(f"pod ready after {time.monotonic() - begun:.1f} s", flush=True)
    check("the pod is ready", pod.status().state, lambda s: s == 0)
    ip = pod.status().network.ip
    check("the pod has an address", ip, "10.213.")
    scratch = base / "pods/uid/volumes/kubernetes.io~empty-dir/scratch"
    scratch.mkdir(parents=True)
    scratch.chmod(0o777)
    config = volume(base / "pods/uid/volumes", "kubernetes.io~configmap", key="first", other="stays")
    shared = [(scratch, "/scratch", False)]

    init = pod.run("init", ["/bin/sh", "-c", "echo prepared >/scratch/init; echo init done"], mounts=shared)
    check("an init container runs to its end", init.wait().exit_code, lambda c: c == 0)
    check("its log", init.logs(), "init done")
    sidecar = pod.run("sidecar", ["/bin/sh", "-c", "while :; do date >/scratch/beat; sleep 1; done"], mounts=shared)
    app = pod.run("app", ["/bin/sh", "-c", "mkdir /www; echo from app >/www/index.html; exec httpd -f -p 8080 -h /www"],
                  mounts=[*shared, (config, "/config", True)], env={"GREETING": "hello kubelet"})
    other = pod.run("other", SLEEP, mounts=shared)
    check("a second app reaches the first by localhost",
          until(lambda: other.exec("/bin/wget", "-qO-", "http://127.0.0.1:8080/").stdout), lambda o: b"from app" in o)
    check("they share an emptyDir", other.exec("/bin/cat", "/scratch/init").stdout, "prepared")
    check("and see the sidecar's file", until(lambda: app.exec("/bin/cat", "/scratch/beat").stdout), lambda o: len(o) > 10)
    check("environment", app.exec("/bin/sh", "-c", "echo $GREETING").stdout, "hello kubelet")
    check("host name is the pod's", app.exec("/bin/hostname").stdout, "everything")
    check("name servers", app.exec("/bin/cat", "/etc/resolv.conf").stdout, "nameserver 192.0.2.53")
    check("liveness probe that holds", app.exec("/bin/test", "-f", "/www/index.html").exit_code, lambda c: c == 0)
    check("liveness probe that fails", app.exec("/bin/test", "-f", "/www/none").exit_code, lambda c: c == 1)
    check("a probe that hangs is cut off", probe_timeout(kubelet, app), "exceeded")
    check("the address of the guest is the pod's", app.exec("/bin/ip", "-4", "addr").stdout, ip)
    check("the host reaches the pod", until(lambda: engine.run("curl", "-sf", "-m", "3", f"http://{ip}:8080/").stdout), "from app")
    check("port-forward", pod.forward(8080, b"GET / HTTP/1.0\r\n\r\n"), "from app")
    statistics(check, app)
    config_update(check, kubelet, app, config)
    restart_policy(check, pod)
    stop_and_remove(check, kubelet, pod, (app, other, sidecar, init))


def probe_timeout(kubelet, container):
    try:
        return container.exec("/bin/sleep", "20", timeout=1)
    except kubelet.error as e:
        return e.details() + " exceeded"


def statistics(check, container):
    stats = container.stats()
    check("statistics: processor time", stats.cpu.usage_core_nano_seconds.value, lambda n: n > 0)
    check("statistics: memory", stats.memory.working_set_bytes.value, lambda n: 4096 < n < 512 << 20)


def config_update(check, kubelet, app, config):
    check("a ConfigMap's file", app.exec("/bin/cat", "/config/key").stdout, "first")
    volume(kubelet.c.base / "pods/uid/volumes", config.name, key="second")
    check("its update arrives", until(lambda: b"second" in app.exec("/bin/cat", "/config/key").stdout), lambda b: b is True)
    check("a key removed is gone", until(lambda: app.exec("/bin/cat", "/config/other").exit_code), lambda c: c == 1)


def restart_policy(check, pod):
    first = pod.run("job", ["/bin/sh", "-c", "exit 3"])
    check("a container that fails", first.wait().exit_code, lambda c: c == 3)
    second = pod.run("job", ["/bin/sh", "-c", "exit 0"])
    check("is started again in the same pod", second.wait().exit_code, lambda c: c == 0)
    stubborn = pod.run("stubborn", ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"])
    until(stubborn.logs)
    begun = time.monotonic()
    stubborn.stop(timeout=2)
    check("who ignores TERM is killed after the grace period", (stubborn.wait().exit_code, time.monotonic() - begun > 1.5), "(137, True)")
    for container in (first, second, stubborn):
        container.remove()


def stop_and_remove(check, kubelet, pod, containers):
    for container in containers:
        container.stop(timeout=1)
        container.remove()
    pod.remove()
    check("nothing of the pod is left", until(lambda: not left(kubelet, pod)) or left(kubelet, pod), lambda x: x is True)


def left(kubelet, pod):
    return [line for _, line in kubelet.c.processes() if pod.id in line] + [m for m in kubelet.c.mounts() if pod.id in m]


def shared_pid_namespace(check, kubelet):
    pod = kubelet.run_pod("shared", security_context=kubelet.pb.LinuxSandboxSecurityContext(
        namespace_options=kubelet.pb.NamespaceOption(pid=0)))
    pod.run("first", ["/bin/sleep", "12345"])
    second = pod.create("second", SLEEP)
    second.start()
    check("own processes without sharing", second.exec("/bin/ps").stdout, lambda o: b"12345" not in o)
    pod.remove()


def cycle(kubelet, number):
    begun = time.monotonic()
    pod = kubelet.run_pod(f"cycle-{number}")
    container = pod.run("app", ["/bin/echo", f"pod {number}"])
    code, text = container.wait().exit_code, until(container.logs, 5)
    pod.remove()
    return code == 0 and text == f"pod {number}", time.monotonic() - begun


def used(containerd, bridge):
    return {"processes": len(containerd.processes()), "mounts": len(containerd.mounts()),
            "links": len(engine.run("ip", "-o", "link", "show", "master", bridge).stdout.splitlines()),
            "pods": len(list((containerd.run_dir / "pods").glob("*"))) if (containerd.run_dir / "pods").exists() else 0}


def cycles(check, kubelet, count, bridge):
    before = used(kubelet.c, bridge)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda n: cycle(kubelet, n), range(count)))
    check(f"{count} pods made and removed", sum(good for good, _ in results), lambda n: n == count)
    print(f"pod of one process, from nothing to nothing: {min(t for _, t in results):.1f} to {max(t for _, t in results):.1f} s")
    after = before if until(lambda: used(kubelet.c, bridge) == before) else used(kubelet.c, bridge)
    check("and nothing leaks", after, lambda a: a == before)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("-n", type=int, default=20)
    arguments.add_argument("--sandboxer", choices=("shim", "podsandbox"), help="how containerd 2 makes pods: by the Sandbox API, or a container")
    arguments.add_argument("handler", nargs="?", default="sealpod")
    options = arguments.parse_args()
    engine.need("containerd", "ctr", "runc", "/usr/lib/cni/bridge")
    check = Checks()
    bridge = f"sptest{os.getpid() % 100000}"
    if options.sandboxer and engine.version() < (2, 0):
        print("SKIPPED: containerd has sandboxers from 2.0 on")
        return engine.SKIP
    with engine.Containerd(sandboxer=options.sandboxer) as containerd:
        (containerd.base / "cni/10-test.conflist").write_text(CNI % (bridge, containerd.base / "ipam", os.getpid() % 200))
        try:
            kubelet = Kubelet(containerd, options.handler)
            time.sleep(6)  # the engine looks at its CNI directory now and then
            pod_of_all_kinds(check, kubelet)
            shared_pid_namespace(check, kubelet)
            if options.n > 0:
                cycles(check, kubelet, options.n, bridge)
        except Exception:
            print((containerd.base / "containerd.log").read_text()[-3000:])
            raise
        finally:
            engine.run("ip", "link", "delete", bridge)
    print(f"{check.passed} passed, {len(check.failed)} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
