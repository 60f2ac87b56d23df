"""One runtime behind one containerd: what a parity case may do with it. Containers share one pod, as in Kubernetes."""

import itertools
import json
import shutil
import subprocess
import threading
import time

import engine

STDIN_DELAY_S = 3


def typed(argv, stdin, timeout, ready=lambda: None):
    """Input that comes when the process is there: ctr forgets the end of one that comes before."""
    with subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        timer = threading.Timer(STDIN_DELAY_S, p.stdin.close)
        waiter = threading.Thread(target=lambda: (ready(), timer.start()))
        streams = [[], []]
        readers = [threading.Thread(target=lambda f=f, to=to: to.append(f.read())) for f, to in zip((p.stdout, p.stderr), streams)]
        for thread in readers:
            thread.start()
        try:
            p.stdin.write(stdin)
            p.stdin.flush()
            waiter.start()
            p.wait(timeout)
        except BrokenPipeError:
            p.wait(timeout)
        finally:
            p.kill()
            if waiter.ident:
                waiter.join()
            timer.cancel()
            for thread in readers:
                thread.join()
            try:
                p.stdin.close()
            except BrokenPipeError:
                pass
        return subprocess.CompletedProcess(argv, p.returncode, streams[0][0], streams[1][0])


def text(result, limit=4000):
    out = result.stdout.decode(errors="backslashreplace")[:limit]
    err = result.stderr.decode(errors="backslashreplace")[:limit]
    return f"exit {result.returncode}\n{out}" + (f"stderr:\n{err}" if err else "")


class Runner:
    """Names are the runtime's own, so that both may run beside each other."""

    def __init__(self, containerd, handler):
        self.c = containerd
        self.handler = handler
        self.numbers = itertools.count(1)
        self.pod = f"{handler}-pod"
        self.begun = False

    # ---- the pod ----
    def runtime_options(self, kind):
        options = ["--runtime", f"io.containerd.{self.handler}.v2"]
        if self.handler != "runc":
            options += ["--runtime-config-path", self.c.runtime_config]
            options += ["--annotation", f"{engine.POD_TYPE}={kind}", "--annotation", f"{engine.POD_ID}={self.pod}"]
        return options

    def begin(self):
        started = time.monotonic()
        self.c.ctr("run", "-d", "--null-io", *self.runtime_options("sandbox"), engine.PAUSE, self.pod, check=True)
        self.begun = True
        return time.monotonic() - started

    def end(self):
        self.c.ctr("task", "kill", "-s", "SIGKILL", self.pod)
        time.sleep(0.5)
        self.c.ctr("task", "delete", "-f", self.pod)
        self.c.ctr("container", "delete", self.pod)

    def name(self):
        return f"{self.handler}-{next(self.numbers)}"

    # ---- containers ----
    def raw(self, argv, options=(), stdin=None, name=None, timeout=300):
        name = name or self.name()
        line = ["run", "--rm", *self.runtime_options("container"), *options, engine.IMAGE, name, *argv]
        if stdin is None:
            return self.c.ctr(*line, stdin=subprocess.DEVNULL, timeout=timeout)
        return typed(["ctr", "-a", self.c.socket, *line], stdin, timeout, lambda: self.wait(name, "RUNNING", 10))

    def run(self, *argv, options=(), stdin=None):
        return text(self.raw(argv, options, stdin))

    def sh(self, script, options=(), stdin=None):
        return self.run("/bin/sh", "-c", script, options=options, stdin=stdin)

    def spec(self, argv, edit):
        """The whole OCI specification is ours: what `ctr run` has no option for."""
        name = self.name()
        base = self.c.base / name
        shutil.copytree(self.c.rootfs, base / "rootfs", symlinks=True)
        spec = json.loads(self.c.ctr("oci", "spec", check=True).stdout)
        spec["root"] = {"path": str(base / "rootfs"), "readonly": False}
        spec["process"]["args"] = list(argv)
        spec["process"]["terminal"] = False
        spec["linux"]["cgroupsPath"] = f"/sealpod-parity/{name}"
        if self.handler != "runc":
            spec.setdefault("annotations", {}).update({engine.POD_TYPE: "container", engine.POD_ID: self.pod})
        edit(spec)
        (base / "spec.json").write_text(json.dumps(spec))
        options = [o for o in self.runtime_options("container") if "=" not in str(o) and o != "--annotation"]
        try:
            return text(self.c.ctr("run", "--rm", *options, "--config", base / "spec.json", name,
                                   stdin=subprocess.DEVNULL, timeout=120))
        finally:
            shutil.rmtree(base, ignore_errors=True)

    # ---- containers that stay ----
    def start(self, *argv, options=()):
        name = self.name()
        result = self.c.ctr("run", "-d", "--null-io", *self.runtime_options("container"), *options, engine.IMAGE, name, *argv)
        if result.returncode != 0:
            raise RuntimeError(f"{self.handler}: {text(result)}")
        return name

    def task(self, *argv, stdin=None, timeout=60):
        if stdin is None:
            return self.c.ctr("task", *argv, stdin=subprocess.DEVNULL, timeout=timeout)
        return typed(["ctr", "-a", self.c.socket, "task", *argv], stdin, timeout)

    def exec(self, name, *argv, options=(), stdin=None):
        return text(self.task("exec", "--exec-id", f"e{next(self.numbers)}", *options, name, *argv, stdin=stdin))

    def status(self, name):
        for line in self.task("ls").stdout.decode().splitlines():
            if line.split()[:1] == [name]:
                return line.split()[-1]
        return "none"

    def wait(self, name, status="STOPPED", seconds=30):
        end = time.monotonic() + seconds
        while self.status(name) != status and time.monotonic() < end:
            time.sleep(0.2)
        return self.status(name)

    def delete(self, name):
        """The exit status that `ctr task delete` hands back, then nothing is left of the container."""
        result = self.task("delete", "-f", name)
        self.c.ctr("container", "delete", name)
        return f"exit {result.returncode}"
