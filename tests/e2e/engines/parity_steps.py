"""Behaviours that take more than one command."""

import concurrent.futures
import json
import os
import pty
import re
import subprocess
import threading
import time

import engine
from runner import text


def stop(r, name):
    r.task("kill", "-s", "SIGKILL", name)
    r.wait(name)
    return r.delete(name)


def kill_with(r, signo, script, *options):
    """The script says when it is ready: a signal that comes before its trap means something else."""
    name = r.name()
    line = ["ctr", "-a", r.c.socket, "run", "--rm", *r.runtime_options("container"), engine.IMAGE, name, "/bin/sh", "-c",
            script.replace("READY", "echo ready")]
    with subprocess.Popen([str(a) for a in line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        timer = threading.Timer(120, p.kill)
        timer.start()
        first = p.stdout.readline()
        r.task("kill", "-s", signo, *options, name)
        out, err = p.communicate()
        timer.cancel()
    return text(subprocess.CompletedProcess(line, p.returncode, first + out, err))


def state_walk(r):
    name = r.name()
    r.c.ctr("container", "create", *r.runtime_options("container"), engine.IMAGE, name, "/bin/sleep", "2", check=True)
    r.c.ctr("task", "start", "-d", "--null-io", name, check=True)
    seen = [r.status(name), r.wait(name)]
    r.delete(name)
    return " ".join(seen)


def pause(r):
    name = r.start("/bin/sleep", "1000")
    seen = [text for command in ("pause", "resume") for text in (r.task(command, name).returncode, r.status(name))]
    answer = r.exec(name, "/bin/echo", "alive")
    stop(r, name)
    return " ".join(str(s) for s in seen if s) + " " + answer


def twice(r):
    name = r.name()
    return " ".join(f"exit {r.raw(['/bin/true'], name=name).returncode}" for _ in range(2))


def restart(r):
    name = r.start("/bin/sleep", "1000")
    refused = r.task("delete", name).returncode != 0
    answer = f"{'refused' if refused else 'deleted'} {r.status(name)}"
    stop(r, name)
    return answer


def orphans(r):
    """Process 1 is a shell that never waits for what is left to it; when it ends nothing of the container runs."""
    name = r.start("/bin/sh", "-c", "(sleep 1000 & sleep 1000 &) ; exec sleep 1000")
    stop(r, name)
    left = engine.run("pgrep", "-fc", f"containers/{name}/").stdout.decode().strip()
    return f"exit 0\n{left}"


def update(r):
    name = r.start("/bin/sleep", "1000", options=["--memory-limit", str(64 << 20)])
    result = r.task("update", "--memory-limit", str(96 << 20), name) if "update" in tasks(r) else None
    limit = next((k for k in limits(r, name) if k == 96 << 20), None)
    stop(r, name)
    if result is None:
        return "changed (ctr has no update)"
    return "changed" if limit else f"limits {limits(r, name)}"


def tasks(r):
    return r.task("--help").stdout.decode()


def limits(r, name):
    found = re.findall(r'"(?:limit|usage_limit|hierarchical_memory_limit)":\s*"?(\d+)', r.task("metrics", "--format", "json", name).stdout.decode())
    return sorted({int(n) for n in found})


def stats(r):
    name = r.start("/bin/sleep", "1000")
    out = r.task("metrics", "--format", "json", name).stdout.decode()
    stop(r, name)
    data = json.loads(out)
    return " ".join(k for k in ("memory", "pids", "cpu") if data.get(k))


def oom(r):
    def edit(spec):
        spec["linux"]["resources"] = {**spec["linux"].get("resources", {}), "memory": {"limit": 32 << 20, "swap": 32 << 20}}

    answer = r.spec(["/bin/sh", "-c", "head -c 200000000 /dev/zero | tail -c 100000000 | wc -c; exit 137"], edit)
    return "137" if "exit 137" in answer and "100000000" not in answer else answer


def process_limit(r):
    def edit(spec):
        spec["linux"]["resources"] = {**spec["linux"].get("resources", {}), "pids": {"limit": 20}}

    answer = r.spec(["/bin/sh", "-c", "for i in $(seq 40); do sleep 2 & done"], edit)
    return "can't fork" if "can't fork" in answer else answer


def hooks(r):
    trace = r.c.base / r.name()
    script = r.c.base / (trace.name + ".sh")
    script.write_text(f"#!/bin/sh\ncat >/dev/null\necho $1 >>{trace}\n")
    script.chmod(0o755)

    def edit(spec):
        spec["hooks"] = {k: [{"path": str(script), "args": ["hook", k]}] for k in ("createRuntime", "poststart", "poststop")}

    r.spec(["/bin/true"], edit)
    time.sleep(0.5)
    return " ".join(trace.read_text().split()) if trace.exists() else "none"


def devices(r):
    def edit(spec):
        spec["linux"]["devices"] = [{"path": "/dev/my-null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600, "uid": 0, "gid": 0}]

    return r.spec(["/bin/sh", "-c", "ls -l /dev/my-null | cut -c1-10; echo x >/dev/my-null && echo written"], edit)


def device_rules(r, *rules):
    """A node of no driver: who may open it hears that there is none. The last rule that fits counts."""
    def edit(spec):
        spec["linux"]["resources"].setdefault("devices", []).extend(rules)
        for kind in ("bounding", "effective", "permitted"):
            spec["process"]["capabilities"][kind].append("CAP_MKNOD")

    return r.spec(["/bin/sh", "-c", "mknod /dev/k c 1 99; cat /dev/k 2>&1; (: >/dev/k) 2>&1; echo x >/dev/null && echo null"], edit)


def exec_many(r):
    name = r.start("/bin/sleep", "1000")
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda i: r.exec(name, "/bin/echo", str(i)), range(10)))
    stop(r, name)
    return " ".join(a.split("\n")[1] if a.startswith("exit 0") else a for a in answers)


def exec_tty(r):
    """A terminal of 80 columns and 24 lines, seen from inside; line ends are the terminal's."""
    name = r.start("/bin/sleep", "1000")
    primary, secondary = pty.openpty()
    os.set_blocking(primary, False)
    import fcntl
    import struct
    import termios
    fcntl.ioctl(primary, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(["ctr", "-a", r.c.socket, "task", "exec", "-t", "--exec-id", r.name(), name, "/bin/sh", "-c",
                                "sleep 1; tty; set -- $(stty size); echo $2 $1"], stdin=secondary, stdout=secondary, stderr=secondary)
    os.close(secondary)
    out, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        try:
            out += os.read(primary, 4096)
        except BlockingIOError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
        except OSError:
            break
    process.wait(30)
    stop(r, name)
    return f"exit {process.returncode}\n" + out.decode(errors="replace")


def log_file(r):
    log = r.c.base / (r.name() + ".log")
    name = r.name()
    r.c.ctr("run", "-d", "--log-uri", f"file://{log}", *r.runtime_options("container"), engine.IMAGE, name,
            "/bin/sh", "-c", "for i in $(seq 1000); do echo line $i; echo err $i >&2; done", check=True)
    r.wait(name)
    time.sleep(0.5)
    lines = len(log.read_text().splitlines())
    return f"{r.delete(name)} {lines}"
