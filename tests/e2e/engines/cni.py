"""CNI plugins of the distribution, as an engine runs them: a chain per network, in a network namespace that plays the host."""

import json
import os
import pathlib
import subprocess

from engine import run

PLUGINS = pathlib.Path("/usr/lib/cni")


class Host:
    """A network namespace in which bridges, NAT rules and the outside of pods are; gone with everything in it."""

    def __init__(self, base, name):
        self.base = pathlib.Path(base)
        self.name = name
        self.pods = []

    def __enter__(self):
        run("ip", "netns", "add", self.name, check=True)
        self.run("ip", "link", "set", "lo", "up")
        self.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        return self

    def __exit__(self, *_):
        for pod in list(self.pods):
            pod.remove()
        run("ip", "netns", "del", self.name)

    def run(self, *argv, **more):
        return run("ip", "netns", "exec", self.name, *argv, **more)


class Pod:
    """A network namespace with what the chain of plugins puts into it."""

    def __init__(self, host, name, chain):
        self.host, self.name, self.chain = host, name, chain
        self.path = f"/run/netns/{name}"
        self.result = None

    def add(self):
        run("ip", "netns", "add", self.name, check=True)
        self.host.pods.append(self)
        run("ip", "-n", self.name, "link", "set", "lo", "up", check=True)
        for plugin in self.chain:
            self.result = self.call("ADD", plugin)
        return self

    def remove(self):
        self.host.pods.remove(self)
        try:
            for plugin in reversed(self.chain):
                self.call("DEL", plugin)
        finally:
            run("ip", "netns", "del", self.name)

    def call(self, command, plugin):
        conf = {"cniVersion": "0.4.0", "name": "sealpod-test", **plugin}
        if self.result:
            conf["prevResult"] = self.result
        env = {**os.environ, "CNI_COMMAND": command, "CNI_CONTAINERID": self.name, "CNI_NETNS": self.path,
               "CNI_IFNAME": "eth0", "CNI_PATH": str(PLUGINS)}
        done = subprocess.run(["ip", "netns", "exec", self.host.name, PLUGINS / plugin["type"]], env=env,
                              input=json.dumps(conf).encode(), capture_output=True, timeout=60, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"CNI {plugin['type']} {command}: {done.stdout.decode()} {done.stderr.decode()}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def ip(self, version="4"):
        for entry in self.result["ips"]:
            if entry["version"] == version:
                return entry["address"].split("/")[0]
        return None

    def run(self, *argv, **more):
        return run("ip", "netns", "exec", self.name, *argv, **more)
