"""Pods on networks that CNI plugins make: bridge, addresses, port mapping, port-forward, two interfaces, none.

network.py [PART-OF-A-NAME...]   real machines, one after the other, two at a time where they talk to each other
"""

import json
import os
import pathlib
import signal
import sys
import time

import confined
from cni import PLUGINS, Host, Pod
from engine import IMAGE, SKIP, Containerd, need, run

MTU = 1400
PORT = 18080
HANDLER = '[handler.sealpod]\nmemory_mib = 384\npin_vcpus = true\n'


def bridge(host, **more):
    ipam = {"type": "host-local", "dataDir": str(host.base / "ipam"), "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
            "ranges": [[{"subnet": "10.77.0.0/24"}], [{"subnet": "fd77::/64"}]]}
    return {"type": "bridge", "bridge": "cni0", "isGateway": True, "mtu": MTU, "ipam": ipam, **more}


def portmap(container_port):
    mapping = {"hostPort": PORT, "containerPort": container_port, "protocol": "tcp"}
    return {"type": "portmap", "capabilities": {"portMappings": True}, "runtimeConfig": {"portMappings": [mapping]}}


class Failed(Exception):
    pass


def expect(condition, what, got=""):
    if not condition:
        raise Failed(f"{what}: {got}")


class Test:
    def __init__(self, engine, host):
        self.engine, self.host, self.number = engine, host, 0

    def start(self, script, netns=None):
        self.number += 1
        name = f"nt{os.getpid()}-{self.number}"
        network = ["--with-ns", f"network:{netns}"] if netns else []
        done = self.engine.ctr("run", "-d", "--runtime", "io.containerd.sealpod.v2", "--runtime-config-path",
                               self.engine.runtime_config, *network, IMAGE, name, "/bin/sh", "-c", script)
        expect(done.returncode == 0, f"ctr run {name}", done.stderr.decode(errors="replace")[-1500:])
        return name

    def inside(self, name, script, timeout=120):
        self.number += 1
        done = self.engine.ctr("task", "exec", "--exec-id", f"e{self.number}", name, "/bin/sh", "-c", script, timeout=timeout)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def works(self, name, script):
        status, text = self.inside(name, script)
        expect(status == 0, f"{name}: {script}", text)
        return text

    def stop(self, name):
        self.engine.ctr("task", "kill", "-s", "SIGKILL", name)
        self.engine.ctr("task", "delete", "-f", name)
        self.engine.ctr("container", "delete", name)

    def serve(self, pod):
        """A container with an HTTP server, once it answers."""
        name = self.start("mkdir -p /tmp/w; echo from-the-guest > /tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w", pod.path)
        for _ in range(60):
            if self.inside(name, "wget -q -O- http://127.0.0.1/")[0] == 0:
                return name
            time.sleep(0.2)
        raise Failed("httpd does not answer inside")

    def fetch(self, namespace, url):
        done = namespace.run("curl", "-sS", "-m", "15", url, timeout=60)
        return (done.stdout + done.stderr).decode(errors="replace").strip()


def test_bridge(t):
    """Two pods on one bridge: addresses, routes, MTU, both protocols, port mapping, port-forward; nothing stays behind."""
    one = Pod(t.host, f"sealpod-nt-{os.getpid()}-1", [bridge(t.host), portmap(80)]).add()
    two = Pod(t.host, f"sealpod-nt-{os.getpid()}-2", [bridge(t.host)]).add()
    mac = one.run("cat", "/sys/class/net/eth0/address", check=True).stdout.decode().strip()
    server = t.serve(one)
    seen = t.works(server, "ip address show dev eth0; cat /sys/class/net/eth0/mtu; ip route; ip -6 route")
    for part in (mac, f"inet {one.ip()}/24", f"inet6 {one.ip('6')}/64", f"\n{MTU}\n", "default via 10.77.0.1",
                 "default via fd77::1"):
        expect(part in seen, f"the guest has no {part!r}", seen)
    expect(t.fetch(t.host, f"http://{one.ip()}/") == "from-the-guest", "from the host")
    expect(t.fetch(t.host, f"http://[{one.ip('6')}]/") == "from-the-guest", "from the host by IPv6")
    expect(t.fetch(t.host, f"http://10.77.0.1:{PORT}/") == "from-the-guest", "through the mapped port")
    forwarded = t.fetch(one, "http://127.0.0.1/")
    expect(forwarded == "from-the-guest", "through 127.0.0.1 of the namespace (port-forward)", forwarded)
    client = t.start("exec sleep 1000", two.path)
    t.works(client, f"ping -c 2 -W 5 {one.ip()}")
    t.works(client, f"ping -6 -c 2 -W 5 {one.ip('6')}")
    t.works(client, f"ping -c 1 -W 5 -s {MTU - 28} {one.ip()}")
    expect("from-the-guest" in t.works(client, f"wget -q -O- http://{one.ip()}/"), "from pod to pod")
    t.stop(client)
    t.stop(server)
    for pod in (one, two):
        links = pod.run("ip", "link").stdout.decode()
        expect("_kata" not in links, "a tap stays", links)
        qdiscs = pod.run("tc", "qdisc").stdout.decode()
        expect("ingress" not in qdiscs, "a redirect stays", qdiscs)
        pod.remove()


def test_two_interfaces(t):
    """A second network, as Multus adds it: both names and addresses are the guest's."""
    pod = Pod(t.host, f"sealpod-nt-{os.getpid()}-3", [bridge(t.host)]).add()
    t.host.run("ip", "link", "add", "second", "type", "veth", "peer", "name", "net1", "netns", pod.name, check=True)
    t.host.run("ip", "address", "add", "10.78.0.1/24", "dev", "second", check=True)
    t.host.run("ip", "link", "set", "second", "up", check=True)
    pod.run("ip", "address", "add", "10.78.0.2/24", "dev", "net1", check=True)
    pod.run("ip", "link", "set", "net1", "mtu", "9000", "up", check=True)
    name = t.start("exec sleep 1000", pod.path)
    seen = t.works(name, "ip address; cat /sys/class/net/net1/mtu; ping -c 1 -W 5 10.78.0.1; ping -c 1 -W 5 10.77.0.1")
    expect("inet 10.78.0.2/24" in seen and "\n9000\n" in seen, "net1", seen)
    t.stop(name)
    pod.remove()


def read(path):
    with open(path, "rb") as f:
        return f.read().decode(errors="replace")


def machines(name):
    """(pid, status, control groups) of the machines of a container."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            line = read(entry / "cmdline") if entry.name.isdigit() else ""
            if not line.startswith("qemu-system") or f"sealpod-{name}," not in line:
                continue
            status = dict(x.split(":", 1) for x in read(entry / "status").splitlines())
            found.append((int(entry.name), status, read(entry / "cgroup")))
        except OSError:
            pass
    return found


def test_host(t):
    """Users, capabilities, filters, devices and control groups of QEMU and virtiofsd; a killed shim leaves nothing."""
    pod = Pod(t.host, f"sealpod-nt-{os.getpid()}-4", [bridge(t.host)]).add()
    name = t.start("exec sleep 1000", pod.path)
    ((pid, status, groups),) = machines(name)
    uid = int(status["Uid"].split()[0])
    expect(f"/default/{name}" in groups, "control group", groups)
    parent = int(status["PPid"])
    bad = confined.faults(parent, ("qemu-system-x86", "virtiofsd"))
    expect(not bad and confined.reserved(uid), "confinement", bad)
    os.kill(parent, signal.SIGKILL)
    for _ in range(100):
        if not machines(name) and not groups_named(name):
            break
        time.sleep(0.1)
    expect(not machines(name), f"machine {pid} outlives its shim")
    expect(not confined.reserved(uid), "its user stays reserved", uid)
    t.stop(name)
    expect(not groups_named(name), "control groups stay", groups_named(name))
    left = pod.run("tc", "qdisc").stdout.decode() + pod.run("nft", "list", "tables").stdout.decode()
    expect("ingress" not in left and "sealpod" not in left, "redirects and rules stay", left)
    pod.remove()


def test_processors(t):
    """A container's cpuset: the virtual processor has its own, and the pod's control group has no other."""
    name = f"nt{os.getpid()}-cpus"
    spec = json.loads(t.engine.ctr("oci", "spec", check=True).stdout)
    spec["root"] = {"path": str(t.engine.rootfs)}
    spec["process"].update(args=["/bin/sleep", "1000"], terminal=False)
    spec["linux"]["cgroupsPath"] = f"/default/{name}"
    spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != "network"]
    spec["linux"]["resources"] = {"cpu": {"cpus": "1"}}
    path = t.engine.base / "spec.json"
    path.write_text(json.dumps(spec))
    done = t.engine.ctr("run", "-d", "--runtime", "io.containerd.sealpod.v2", "--runtime-config-path", t.engine.runtime_config,
                        "--config", path, name)
    expect(done.returncode == 0, "ctr run", done.stderr.decode())
    ((pid, _, _),) = machines(name)
    pinned = [os.sched_getaffinity(int(task.name)) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
              if read(task / "comm").startswith("CPU 0/")]
    expect(pinned == [{1}], "processors of the virtual one", pinned)
    group = pathlib.Path(f"/sys/fs/cgroup/cpuset/default/{name}/cpuset.cpus")
    expect(not group.exists() or read(group).strip() == "1", "cpuset of the pod", group)
    t.stop(name)


def groups_named(name):
    return [str(path) for path in pathlib.Path("/sys/fs/cgroup").glob(f"**/default/{name}")]


def test_none(t):
    """No namespace: the guest has its loopback and nothing else."""
    name = t.start("exec sleep 1000")
    seen = t.works(name, "ls /sys/class/net; ping -c 1 -W 2 127.0.0.1")
    links = [line for line in seen.splitlines() if line and " " not in line]
    expect(links == ["lo"] or set(links) <= {"lo", "sit0", "tunl0"}, "interfaces", seen)
    t.stop(name)


def main():
    need("containerd", "ctr", "ip", "tc", "curl")
    if os.getuid() != 0 or not (PLUGINS / "bridge").exists():
        print("SKIPPED: needs root and the CNI plugins")
        return SKIP
    tests = [f for n, f in sorted(globals().items()) if n.startswith("test_") and all(a in n for a in sys.argv[1:])]
    bad = 0
    with Containerd(extra=HANDLER, prefix="/tmp/sealpod-network-") as engine:
        for test in tests:
            began = time.monotonic()
            with Host(engine.base, f"sealpod-nt-{os.getpid()}") as host:
                try:
                    test(Test(engine, host))
                    print(f"ok   {test.__name__} {time.monotonic() - began:.1f} s", flush=True)
                except (Failed, RuntimeError) as why:
                    bad += 1
                    print(f"FAIL {test.__name__}: {why}", flush=True)
                    engine.remove_all()
        left = engine.processes()
    if left:
        print(f"FAIL processes stay: {left}")
    return 1 if bad or left else 0


if __name__ == "__main__":
    raise SystemExit(main())
