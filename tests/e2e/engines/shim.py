#!/usr/bin/env python3
"""One shim from run to clean-up, by containerd's own ctr: memory, exec, pause, statistics, an engine that is restarted
while output flows, an engine and a shim that are killed together.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

import engine
from cri import Checks, until

RSS_MAX_KIB = 8 * 1024
SOCKETS = pathlib.Path("/run/containerd/s")
COUNT = "i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i+1)); sleep 0.5; done; sleep 100000"


class Shim:
    def __init__(self, containerd, check):
        self.c, self.check = containerd, check
        self.options = ["--runtime", "io.containerd.sealpod.v2", "--runtime-config-path", containerd.runtime_config]

    def ctr(self, *argv, **more):
        return self.c.ctr(*argv, **more)

    def run(self, name, *more, script="while :; do sleep 1; done"):
        return self.ctr("run", "-d", *self.options, *more, engine.IMAGE, name, "/bin/sh", "-c", script)

    def exec(self, name, number, *argv):
        return self.ctr("task", "exec", "--exec-id", f"x{number}", name, *argv)

    def status(self, name):
        for line in self.ctr("task", "ls").stdout.decode().splitlines():
            if line.split()[0] == name:
                return line.split()[2]
        return "none"

    def pids(self):
        return [pid for pid, line in self.c.processes() if "containerd-shim-sealpod" in line.split()[0]]

    def resident(self):
        return [int(line.split()[1]) for pid in self.pids() for line in open(f"/proc/{pid}/status", encoding="utf-8")
                if line.startswith("VmRSS")]

    def sockets(self):
        """Those that name our engine: a shim writes its address into the bundle."""
        return [pathlib.Path(f.read_text().removeprefix("unix://")) for f in self.c.base.glob("ctd/**/address")]

    def remove(self, name):
        self.ctr("task", "kill", "-s", "SIGKILL", name)
        until(lambda: self.status(name) in ("STOPPED", "none"), 20)
        self.ctr("task", "delete", name)
        self.ctr("container", "delete", name)

    def nothing_left(self, what, sockets):
        def left():
            pods = self.c.run_dir / "pods"
            return (self.c.processes(), self.c.mounts(), os.listdir(pods) if pods.exists() else [],
                    [s for s in sockets if s.exists()])

        gone = until(lambda: not any(left()), 20)
        self.check(f"{what}: nothing is left", None if gone else left(), lambda x: x is None)

    # ---- cases ----
    def requests(self):
        self.check("a container starts", self.run("first").returncode, lambda c: c == 0)
        self.check("exec", self.exec("first", 1, "/bin/echo", "inside").stdout, "inside")
        self.check("its exit status", self.exec("first", 2, "/bin/sh", "-c", "exit 7").returncode, lambda c: c == 7)
        self.check("a program that is not there", self.exec("first", 3, "/bin/none").stderr, "/bin/none")
        self.ctr("task", "pause", "first")
        self.check("paused", self.status("first"), "PAUSED")
        self.check("no exec then", self.exec("first", 4, "/bin/true").returncode, lambda c: c != 0)
        self.ctr("task", "resume", "first")
        self.check("resumed", self.status("first"), "RUNNING")
        self.check("statistics", self.ctr("task", "metrics", "first").stdout, "cpu")
        self.check("processes", self.ctr("task", "ps", "first").stdout, "PID")
        out = self.exec("first", 5, "/bin/sh", "-c", "dd if=/dev/zero bs=1M count=16 2>/dev/null").stdout
        self.check("16 MiB of output, all of it", len(out), lambda n: n == 16 << 20)
        self.check(f"resident memory of the shim, at most {RSS_MAX_KIB} KiB", self.resident(),
                   lambda r: len(r) == 1 and r[0] <= RSS_MAX_KIB)
        print(f"resident: {self.resident()} KiB")
        sockets = self.sockets()
        self.check("its socket", [s.parent for s in sockets], lambda p: p == [SOCKETS])
        self.remove("first")
        self.nothing_left("removed", sockets)

    def engine_restarts(self):
        log = self.c.base / "count.log"
        self.run("second", "--log-uri", f"file://{log}", script=COUNT)
        self.c.stop(signal.SIGKILL)
        time.sleep(3)
        self.c.start()
        self.check("runs after the engine was killed", self.status("second"), "RUNNING")
        self.check("exec after it", self.exec("second", 1, "/bin/echo", "again").stdout, "again")
        until(lambda: "line 19" in log.read_text(), 120)
        self.check("no line was lost meanwhile", log.read_text().split("\n"), lambda t: t == [f"line {i}" for i in range(20)] + [""])
        sockets = self.sockets()
        self.c.stop(signal.SIGKILL)
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self.c.start()
        self.nothing_left("engine and shim killed", sockets)
        self.ctr("container", "delete", "second")

    def ended_while_booting(self):
        with subprocess.Popen([str(a) for a in ("ctr", "-a", self.c.socket, "run", "--rm", *self.options, engine.IMAGE, "third",
                               "/bin/sleep", "100000")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
            until(self.pids, 30)
            time.sleep(2)
            sockets = self.sockets()
            self.c.stop(signal.SIGKILL)
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
            self.c.start()
            p.wait(60)
        self.nothing_left("killed while the machine boots", sockets)
        self.ctr("container", "delete", "third")


def main():
    engine.need("containerd", "ctr")
    check = Checks()
    with engine.Containerd(prefix="/tmp/sealpod-shim-") as containerd:
        shim = Shim(containerd, check)
        for case in (shim.requests, shim.engine_restarts, shim.ended_while_booting):
            if len(sys.argv) < 2 or any(part in case.__name__ for part in sys.argv[1:]):
                case()
    print(f"{check.passed} passed, {len(check.failed)} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
