#!/usr/bin/env python3
"""What dies, hangs, floods or lies: the engine is told what happened, and nothing stays behind.

Usage: faults.py [NAME-PART]...
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import engine
from cri import Checks, until
from runner import Runner, text

SETTLE_S = 20
INITS = {
    "silent": "int main(void) { for (;;) pause(); }",
    "flood": 'int main(void) { static char line[4096]; memset(line, \'x\', sizeof(line)); int fd = open("/dev/console", 1);'
             " for (;;) (void)!write(fd, line, sizeof(line)); }",
    "dies": "int main(void) { return 3; }",
}


class Faults:
    def __init__(self, containerd, check):
        self.c, self.check = containerd, check
        self.runner = Runner(containerd, "sealpod")
        self.before = None

    # ---- what is there ----
    def pids(self, program):
        return [pid for pid, line in self.c.processes() if os.path.basename(line.split(" ")[0]).startswith(program)]

    def left(self):
        pods = self.c.run_dir / "pods"
        return {"processes": [line for _, line in self.c.processes() if "containerd-shim-runc" not in line],
                "mounts": self.c.mounts(), "pods": os.listdir(pods) if pods.exists() else []}

    def nothing_left(self, what):
        gone = until(lambda: not any(self.left().values()), SETTLE_S)
        self.check(f"{what}: nothing is left", {} if gone else self.left(), lambda x: x == {})
        self.c.remove_all()

    def start(self, name="victim"):
        result = self.c.ctr("run", "-d", "--null-io", "--runtime", "io.containerd.sealpod.v2", "--runtime-config-path",
                            self.c.runtime_config, engine.IMAGE, name, "/bin/sleep", "100000")
        return name, result

    def remove(self, name="victim"):
        self.c.ctr("task", "delete", "-f", name)
        self.c.ctr("container", "delete", name)

    # ---- faults ----
    def kill_qemu(self):
        box = []
        waiter = threading.Thread(target=lambda: box.append(self.c.ctr(
            "run", "--rm", "--runtime", "io.containerd.sealpod.v2", "--runtime-config-path", self.c.runtime_config,
            engine.IMAGE, "victim", "/bin/sleep", "100000", stdin=subprocess.DEVNULL)))
        waiter.start()
        until(lambda: self.runner.status("victim") == "RUNNING", 60)
        for pid in self.pids("qemu-system"):
            os.kill(pid, signal.SIGKILL)
        waiter.join(60)
        self.check("QEMU killed: the container has ended with 255", box[0].returncode if box else "still running", lambda c: c == 255)
        self.remove()
        self.nothing_left("QEMU killed")

    def kill_shim(self):
        self.start()
        for pid in self.pids("containerd-shim-sealpod"):
            os.kill(pid, signal.SIGKILL)
        until(lambda: self.runner.status("victim") in ("none", "STOPPED", "UNKNOWN"), SETTLE_S)
        self.remove()
        self.nothing_left("shim killed")

    def kill_both(self):
        self.start()
        self.c.stop(signal.SIGKILL)
        for program in ("containerd-shim-sealpod", "qemu-system"):
            for pid in self.pids(program):
                os.kill(pid, signal.SIGKILL)
        self.c.start()
        self.remove()
        self.nothing_left("engine, shim and QEMU killed")

    def kill_while_starting(self):
        for _ in range(6):
            program = random.choice(("containerd-shim-sealpod", "qemu-system", "virtiofsd"))
            delay = random.uniform(0.05, 6)
            box = []
            starter = threading.Thread(target=lambda: box.append(self.start()))
            starter.start()
            time.sleep(delay)
            for pid in self.pids(program):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            starter.join(120)
            print(f"{program} killed {delay:.1f} s after the start: {text(box[0][1]).strip()[:300]}", flush=True)
            self.c.ctr("task", "kill", "-s", "SIGKILL", "victim")
            time.sleep(0.5)
            self.remove()
            self.nothing_left(f"{program} killed while starting")

    def restart_engine(self):
        name, _ = self.start()
        self.c.stop(signal.SIGKILL)
        self.c.start()
        self.check("engine killed and started: the container runs on", self.runner.status(name), "RUNNING")
        self.check("and exec works", self.runner.exec(name, "/bin/echo", "still here"), "still here")
        self.c.ctr("task", "kill", "-s", "SIGKILL", name)
        self.runner.wait(name)
        self.remove()
        self.nothing_left("engine restarted")

    # ---- guests that are not ours ----
    def other_guest(self, kind):
        directory = self.c.base / f"guest-{kind}"
        directory.mkdir(exist_ok=True)
        (directory / "init.c").write_text("#include <fcntl.h>\n#include <string.h>\n#include <unistd.h>\n" + INITS[kind])
        subprocess.run(["gcc", "-static", "-o", directory / "init", directory / "init.c"], check=True)
        (directory / "dev").mkdir(exist_ok=True)
        subprocess.run("mknod -m 600 dev/console c 5 1 2>/dev/null; find init dev | cpio -o -H newc --quiet | gzip -1 >initrd",
                       shell=True, cwd=directory, check=True)
        config = self.c.base / f"{kind}.toml"
        config.write_text(self.c.runtime_config.read_text() + "[handler.sealpod]\nplatform = \"none\"\n"
                          f"initrd = \"{directory / 'initrd'}\"\ntimeout_s = 8\n")
        begun = time.monotonic()
        result = self.c.ctr("run", "--rm", "--runtime", "io.containerd.sealpod.v2", "--runtime-config-path", config, engine.IMAGE,
                            "victim", "/bin/true", stdin=subprocess.DEVNULL)
        self.check(f"guest that is {kind}: refused, with the stage", text(result), "stage")
        self.check(f"guest that is {kind}: within reason", time.monotonic() - begun, lambda s: s < 60)
        self.remove()
        self.nothing_left(f"guest that is {kind}")

    def silent_guest(self):
        self.other_guest("silent")

    def flooding_guest(self):
        self.other_guest("flood")

    def dying_guest(self):
        self.other_guest("dies")

    # ---- bad input ----
    def bad_specifications(self):
        base = json.loads(self.c.ctr("oci", "spec", check=True).stdout)
        rootfs = self.c.base / "bad-rootfs"
        shutil.copytree(self.c.rootfs, rootfs, symlinks=True)
        base["root"] = {"path": str(rootfs)}
        base["process"].update(args=["/bin/true"], terminal=False)
        edits = {
            "no root": lambda s: s.pop("root"),
            "root that is not there": lambda s: s.update(root={"path": str(self.c.base / "none")}),
            "mount from nowhere": lambda s: s["mounts"].append(
                {"destination": "/x", "type": "bind", "source": "/no/such/place", "options": ["rbind"]}),
            "network namespace that is none": lambda s: next(
                n for n in s["linux"]["namespaces"] if n["type"] == "network").update(path="/etc/passwd"),
            "two network namespaces": lambda s: s["linux"]["namespaces"].append({"type": "network", "path": "/etc/passwd"}),
            "annotation that is refused": lambda s: s.update(
                annotations={"io.katacontainers.config.hypervisor.path": "/bin/sh"}),
            "initdata that is none": lambda s: s.update(
                annotations={"io.katacontainers.config.hypervisor.cc_init_data": "!!!"}),
        }
        for what, edit in edits.items():
            spec = json.loads(json.dumps(base))
            edit(spec)
            file = self.c.base / "bad.json"
            file.write_text(json.dumps(spec))
            result = self.c.ctr("run", "--rm", "--runtime", "io.containerd.sealpod.v2", "--runtime-config-path",
                                self.c.runtime_config, "--config", file, "victim", stdin=subprocess.DEVNULL)
            print(f"{what}: {text(result).strip()[:300]}", flush=True)
            self.check(f"{what}: refused", result.returncode, lambda c: c != 0)
            self.check(f"{what}: and told why", result.stderr.decode(errors="replace"), lambda t: len(t) > 40)
            self.remove()
        self.nothing_left("bad specifications")


def main():
    engine.need("containerd", "ctr", "gcc", "cpio")
    check = Checks()
    names = [n for n in vars(Faults) if n.startswith(("kill", "restart", "silent", "flooding", "dying", "bad"))]
    chosen = [n for n in names if not sys.argv[1:] or any(part in n for part in sys.argv[1:])]
    with engine.Containerd() as containerd:
        faults = Faults(containerd, check)
        for name in chosen:
            print(f"== {name}", flush=True)
            getattr(faults, name)()
    print(f"{check.passed} passed, {len(check.failed)} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
