"""The table of behaviours. Each is a name, what runc's answer must contain, and what to do with a runner.

`differs`: our answer may be another one when it contains this; docs/limitations.md says why.
"""

import time
from dataclasses import dataclass
from typing import Callable

from parity_steps import (device_rules, devices, exec_many, exec_tty, hooks, kill_with, log_file, oom, orphans, pause, process_limit, restart, state_walk,
                          stats, twice, update)


@dataclass
class Case:
    name: str
    want: str
    run: Callable
    differs: str = ""


def opts(*options):
    return list(options)


def process(**members):
    return lambda spec: spec["process"].update(members)


def caps(**sets):
    return lambda spec: spec["process"]["capabilities"].update(sets)


def mount(**members):
    return lambda spec: spec["mounts"].append(members)


def linux(**members):
    return lambda spec: spec["linux"].update(members)


STATUS = ["/bin/grep", "-E", "^(Cap|NoNewPrivs)", "/proc/self/status"]
NO_NET = '{ ip -o addr show lo; ip link set lo up; } 2>&1 | grep -o "inet 127.0.0.1/8"'

CASES = [
    # how it ends
    Case("exit status 0", "exit 0", lambda r: r.run("/bin/true")),
    Case("exit status 7", "exit 7", lambda r: r.sh("exit 7")),
    Case("exit status 255", "exit 255", lambda r: r.sh("exit 255")),
    Case("dies of SIGKILL from a child", "exit 137", lambda r: r.sh("sh -c 'kill -9 $$'; exit $?")),
    Case("dies of SIGSEGV", "exit 139", lambda r: r.sh("sh -c 'kill -SEGV $$'; exit $?")),
    Case("kill TERM, handler exits 42", "exit 42", lambda r: kill_with(r, "SIGTERM", "trap 'exit 42' TERM; READY; while :; do sleep 0.1; done")),
    Case("kill USR1, handler exits 43", "exit 43", lambda r: kill_with(r, "SIGUSR1", "trap 'exit 43' USR1; READY; while :; do sleep 0.1; done")),
    Case("kill INT, handler exits 44", "exit 44", lambda r: kill_with(r, "SIGINT", "trap 'exit 44' INT; READY; while :; do sleep 0.1; done")),
    Case("kill KILL", "exit 137", lambda r: kill_with(r, "SIGKILL", "READY; while :; do sleep 0.1; done")),
    Case("kill KILL takes children along", "exit 137", lambda r: kill_with(r, "SIGKILL", "sleep 1000 & sleep 1000 & READY; wait", "-a")),
    Case("command not found", "exit 1", lambda r: r.run("/bin/no-such-program").split("\n", 1)[0]),
    Case("command is not executable", "exit 1", lambda r: r.run("/etc/not-executable").split("\n", 1)[0]),
    Case("command is a directory", "exit 1", lambda r: r.run("/etc").split("\n", 1)[0]),
    Case("command found in PATH", "found", lambda r: r.run("echo", "found")),
    # arguments and environment
    Case("arguments keep their edges", "[a b][][c\"d']", lambda r: r.run("/bin/printf", "[%s][%s][%s]", "a b", "", "c\"d'")),
    Case("unicode arguments", "grüße-日本-🦭", lambda r: r.run("/bin/echo", "grüße-日本-🦭")),
    Case("argument with line ends", "exit 0\na\nb", lambda r: r.run("/bin/printf", "%s", "a\nb")),
    Case("argument of 100 kB", "100000", lambda r: r.run("/bin/sh", "-c", 'echo ${#0}', "x" * 100000)),
    Case("3000 arguments", "3000", lambda r: r.run("/bin/sh", "-c", 'echo $#', "sh", *["x"] * 3000)),
    Case("environment variable", "value", lambda r: r.sh("echo $NAME", opts("--env", "NAME=value"))),
    Case("variable with spaces, = and unicode", "a=b c ü", lambda r: r.sh('echo "$NAME"', opts("--env", "NAME=a=b c ü"))),
    Case("empty variable", "set:", lambda r: r.sh('echo ${NAME+set}:$NAME', opts("--env", "NAME="))),
    Case("PATH of the image", "/bin", lambda r: r.sh("echo $PATH")),
    Case("all variables", "PATH=", lambda r: r.sh("env | sort | grep -v HOSTNAME")),
    Case("working directory", "/tmp", lambda r: r.run("/bin/pwd", options=opts("--cwd", "/tmp"))),
    Case("missing working directory is made", "/made/here", lambda r: r.run("/bin/pwd", options=opts("--cwd", "/made/here"))),
    Case("umask", "0022", lambda r: r.sh("umask")),
    Case("umask asked for", "0077", lambda r: r.spec(["/bin/sh", "-c", "umask"], lambda s: s["process"]["user"].update(umask=0o77)),
         differs="0022"),
    # users and rights
    Case("root", "uid=0(root) gid=0(root)", lambda r: r.run("/bin/id")),
    Case("user and group", "uid=1000(user) gid=1000(user)", lambda r: r.spec(["/bin/id"], process(user={"uid": 1000, "gid": 1000}))),
    Case("supplemental groups", "2000", lambda r: r.spec(["/bin/id"], process(user={"uid": 1000, "gid": 1000, "additionalGids": [2000, 3000]}))),
    Case("default capabilities", "CapEff", lambda r: r.run(*STATUS)),
    Case("a capability more", "CapEff", lambda r: r.run(*STATUS, options=opts("--cap-add", "CAP_SYS_TIME"))),
    Case("a capability less", "CapEff", lambda r: r.run(*STATUS, options=opts("--cap-drop", "CAP_CHOWN"))),
    Case("no capabilities", "CapEff:\t0000000000000000", lambda r: r.spec(STATUS, caps(bounding=[], effective=[], permitted=[], inheritable=[], ambient=[]))),
    Case("ambient capability for a user", "CapAmb:\t0000000000000400", lambda r: r.spec(STATUS, lambda s: (
        process(user={"uid": 1000, "gid": 1000})(s), caps(**{k: ["CAP_NET_BIND_SERVICE"] for k in (
            "bounding", "effective", "permitted", "inheritable", "ambient")})(s)))),
    Case("no new privileges", "NoNewPrivs:\t1", lambda r: r.run(*STATUS)),
    Case("new privileges allowed", "NoNewPrivs:\t0", lambda r: r.run(*STATUS, options=opts("--allow-new-privs"))),
    Case("limit of open files", "123", lambda r: r.spec(["/bin/sh", "-c", "ulimit -n"], process(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 123, "hard": 456}]))),
    Case("hard limit of open files", "456", lambda r: r.spec(["/bin/sh", "-c", "ulimit -Hn"], process(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 123, "hard": 456}]))),
    Case("core files limited", "0", lambda r: r.spec(["/bin/sh", "-c", "ulimit -c"], process(rlimits=[{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]))),
    Case("OOM score", "500", lambda r: r.spec(["/bin/cat", "/proc/self/oom_score_adj"], process(oomScoreAdj=500))),
    Case("seccomp profile refuses mkdir", "Operation not permitted", lambda r: r.spec(["/bin/mkdir", "/tmp/x"], linux(seccomp={
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}))),
    Case("seccomp error number", "No space left on device", lambda r: r.spec(["/bin/mkdir", "/tmp/x"], linux(seccomp={
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}))),
    Case("default seccomp profile", "Operation not permitted", lambda r: r.sh("unshare -U true 2>&1; true", opts("--seccomp"))),
    # what it sees
    Case("process 1", "exit 0\n1\n", lambda r: r.sh("echo $$")),
    Case("sees no process but its own", "exit 0\n", lambda r: r.sh("ls /proc | grep -cE '^[0-9]+$' | awk '{print ($1 < 6)}'")),
    Case("host name of the specification", "my-host", lambda r: r.spec(["/bin/hostname"], lambda s: s.update(hostname="my-host")),
         differs="exit 0\n"),
    Case("loopback", "127.0.0.1", lambda r: r.sh(NO_NET), differs="127.0.0.1"),
    Case("kernel", "Linux", lambda r: r.run("/bin/uname", "-s")),
    Case("/dev", "exit 0", lambda r: r.sh("ls /dev | sort | grep -v core | tr '\\n' ' '")),
    Case("/dev/null, zero and urandom work", "16", lambda r: r.sh("head -c 8 /dev/zero >/dev/null && head -c 16 /dev/urandom | wc -c")),
    Case("/dev/shm is writable", "shm ok", lambda r: r.sh("echo shm ok >/dev/shm/f && cat /dev/shm/f")),
    Case("/proc/sys is read-only", "Read-only file system", lambda r: r.sh("echo 1 >/proc/sys/kernel/panic; true")),
    Case("masked path is empty", "exit 0\n0\n", lambda r: r.sh("cat /proc/keys 2>/dev/null | wc -c")),
    Case("/sys is read-only", "Read-only file system", lambda r: r.sh("mkdir /sys/x; true")),
    Case("mount is refused", "ermi", lambda r: r.sh("mount -t tmpfs x /tmp 2>&1; true")),
    Case("sysctl of the specification", "12345", lambda r: r.spec(["/bin/cat", "/proc/sys/kernel/msgmax"], linux(sysctl={"kernel.msgmax": "12345"}))),
    Case("oom of nobody: many small files", "200", lambda r: r.sh("cd /tmp; for i in $(seq 200); do echo $i >f$i; done; ls | wc -l")),
    # files
    Case("root file system is writable", "written", lambda r: r.sh("echo written >/f && cat /f")),
    Case("read-only root file system", "Read-only file system", lambda r: r.sh("touch /f", opts("--read-only"))),
    Case("tmpfs with size", "1024", lambda r: r.spec(["/bin/sh", "-c", "df -k /scratch | awk 'NR==2{print $2}'"], mount(
        destination="/scratch", type="tmpfs", source="tmpfs", options=["size=1m", "mode=1777"]))),
    Case("tmpfs with mode", "1777", lambda r: r.spec(["/bin/stat", "-c", "%a", "/scratch"], mount(
        destination="/scratch", type="tmpfs", source="tmpfs", options=["size=1m", "mode=1777"]))),
    Case("directory of the host", "from the host", lambda r: bind(r, "cat /data/f")),
    Case("written there, seen by the host", "seen: changed", lambda r: bind(r, "echo changed >/data/f")),
    Case("read-only directory of the host", "Read-only file system", lambda r: bind(r, "echo x >/data/f; true", "ro")),
    Case("single file of the host", "from the host", lambda r: bind(r, "cat /data", single=True)),
    Case("owner and mode of files", "1000:1000 640", lambda r: bind(r, "chown 1000:1000 /data/f; chmod 640 /data/f; stat -c '%u:%g %a' /data/f")),
    Case("symbolic and hard links", "2 f", lambda r: bind(r, "cd /data; ln f g; ln -s f h; echo $(stat -c %h f) $(readlink h)")),
    Case("rename and unlink", "exit 0\ng\n", lambda r: bind(r, "cd /data; mv f g; ls")),
    Case("file of 32 MB", "33554432", lambda r: bind(r, "cd /data; head -c 33554432 /dev/zero >big; stat -c %s big; rm big")),
    # streams
    Case("standard input", "through stdin", lambda r: r.run("/bin/cat", stdin=b"through stdin")),
    Case("standard input of 4 MB", "4194304", lambda r: r.sh("wc -c", stdin=b"x" * 4194304)),
    Case("empty standard input ends", "exit 0\n0\n", lambda r: r.sh("wc -c", stdin=b"")),
    Case("output and errors apart", "stderr:\nerr", lambda r: r.sh("echo out; echo err >&2")),
    Case("binary output", "exit 0\n\x00", lambda r: r.sh("printf '\\000\\001\\377\\200'")),
    Case("output without line end", "exit 0\nend", lambda r: r.run("/bin/printf", "end")),
    Case("line of 1 MB", "1000001", lambda r: str(len(r.raw(["/bin/sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; echo"]).stdout))),
    Case("output of 100 MB", "104857600", lambda r: str(len(r.raw(["/bin/head", "-c", "104857600", "/dev/zero"]).stdout))),
    Case("output to a log file", "2000", log_file),
    Case("a pipe that breaks", "exit 0", lambda r: r.sh("yes | head -c 100000 | wc -c")),
    # processes added
    Case("exec", "exit 0\nhello", lambda r: with_sleeper(r, lambda n: r.exec(n, "/bin/echo", "hello"))),
    Case("exec: exit status", "exit 9", lambda r: with_sleeper(r, lambda n: r.exec(n, "/bin/sh", "-c", "exit 9"))),
    Case("exec: standard input", "typed", lambda r: with_sleeper(r, lambda n: r.exec(n, "/bin/cat", stdin=b"typed"))),
    Case("exec: working directory", "/home", lambda r: with_sleeper(r, lambda n: r.exec(n, "/bin/pwd", options=["--cwd", "/home"]))),
    Case("exec: user", "uid=1000", lambda r: with_sleeper(r, lambda n: r.exec(n, "/bin/id", options=["--user", "1000:1000"]))),
    Case("exec: command not found", "exit 1", lambda r: with_sleeper(r, lambda n: r.exec(n, "/bin/none").split("\n", 1)[0])),
    Case("exec: same processes", "sleep", lambda r: with_sleeper(r, lambda n: r.exec(n, "/bin/cat", "/proc/1/cmdline"))),
    Case("exec: terminal", "80 24", exec_tty, differs="exit 0"),
    Case("ten execs at a time", "0 1 2 3 4 5 6 7 8 9", exec_many),
    # the life of a container
    Case("state: created, running, stopped", "RUNNING STOPPED", state_walk),
    Case("pause and resume", "PAUSED RUNNING", pause),
    Case("the same name again", "exit 0 exit 0", twice),
    Case("deleting a running container is refused", "refused RUNNING", restart),
    Case("orphans are reaped", "exit 0\n0", orphans),
    Case("memory limit changed while running", "changed", update),
    Case("statistics", "memory pids cpu", stats),
    Case("out of memory", "137", oom),
    Case("limit of processes", "can't fork", process_limit),
    Case("hooks on the host", "createRuntime poststart poststop", hooks),
    Case("a device", "crw", devices),
    Case("no device rule", "Operation not permitted", device_rules),
    Case("device rule for reading", "No such device or address", lambda r: device_rules(r, {"allow": True, "type": "c", "major": 1, "minor": 99, "access": "r"})),
    Case("device rule for a driver", "No such device or address", lambda r: device_rules(r, {"allow": True, "type": "c", "major": 1, "access": "rw"})),
    Case("device rule taken back", "Operation not permitted", lambda r: device_rules(
        r, {"allow": True, "type": "c", "major": 1, "minor": 99, "access": "rw"}, {"allow": False, "type": "c", "major": 1, "minor": 99, "access": "w"})),
]


def with_sleeper(r, what):
    name = r.start("/bin/sleep", "1000")
    try:
        return what(name)
    finally:
        r.task("kill", "-s", "SIGKILL", name)
        r.wait(name)
        r.delete(name)


def bind(r, script, mode="rw", single=False):
    """A directory or a file of the host at /data; what is in the file afterwards is part of the answer."""
    base = r.c.base / r.name()
    base.mkdir()
    file = base / "f"
    file.write_text("from the host")
    source = file if single else base
    answer = r.sh(script, opts("--mount", f"type=bind,src={source},dst=/data,options=rbind:{mode}"))
    return answer + (f"seen: {file.read_text()}" if file.exists() else "seen: nothing")
