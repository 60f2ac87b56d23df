#!/usr/bin/env python3
"""What a stock Kata 3.x runtime sends for a pod with two containers, to `sealpod-agent --listen unix://@name` on a plain host.

The agent runs in mount, PID, network, UTS and IPC namespaces of its own, so nothing of the host is touched. Needs root, crun and a
static busybox. Usage: stock_client.py (SEALPOD_BIN: directory of the programs)
"""
import os
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent_api import (  # noqa: E402
	AGENT, DEADLINE, DENIED, EXHAUSTED, HEALTH, INTERNAL, INVALID_ARGUMENT, NOT_FOUND, PRECONDITION, UNAVAILABLE, UNIMPLEMENTED, Client, Refused, fields,
	first, msg, string_map)

SHARED = "/run/kata-containers/shared/containers"
POD = "4" * 64
WORDS = "sh cat echo sleep head tail id hostname stty wc seq kill true printf readlink stat dd".split()
agent = None


def check(what, got, want):
	if got != want:
		raise AssertionError(f"{what}: {got!r}, not {want!r}")


def refused(code, method, *request, service=AGENT):
	try:
		agent.call(method, *request, service=service)
	except Refused as e:
		check(f"{method}: code ({e.message})", e.code, code)
		return e.message
	raise AssertionError(f"{method}: not refused")


# ---- messages ----

def process(args, env=(), terminal=False, uid=0, cwd="/"):
	user = msg((1, uid), (2, uid), (3, [7, 8]))
	caps = msg(*((n, ["CAP_KILL", "CAP_CHOWN"]) for n in (1, 2, 4)))
	return msg((1, terminal), (3, user), (4, args), (5, ["PATH=/bin", *env]), (6, cwd), (7, caps),
		(8, msg((1, "RLIMIT_NOFILE"), (2, 1024), (3, 512))), (9, True))


def container(cid, args, role="pod_container", **kw):
	"""CreateContainerRequest as runtime-rs makes it: hooks, device rules and most limits gone, namespaces without paths."""
	mounts = [msg((1, "/proc"), (2, "proc"), (3, "proc"), (4, ["nosuid", "noexec", "nodev"])),
		msg((1, "/dev"), (2, "tmpfs"), (3, "tmpfs"), (4, ["nosuid", "strictatime", "mode=755", "size=65536k"])),
		msg((1, "/dev/pts"), (2, "devpts"), (3, "devpts"), (4, ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"])),
		msg((1, "/dev/shm"), (2, "/run/kata-containers/sandbox/shm"), (3, "bind"), (4, ["rbind"])),
		msg((1, "/etc/hostname"), (2, f"{SHARED}/{POD}-hostname"), (3, "bind"), (4, ["rbind", "rprivate", "rw"]))]
	annotations = {"io.katacontainers.pkg.oci.container_type": role, "io.katacontainers.pkg.oci.bundle_path": "/bundle/" + cid,
		"io.kubernetes.cri.container-type": "sandbox" if role == "pod_sandbox" else "container", "io.kubernetes.cri.sandbox-id": POD}
	resources = msg((2, msg((1, 64 << 20))), (3, msg((1, 1024), (2, -1), (3, 100000))))
	linux = msg((4, resources), (5, f"/kubepods/pod1/{cid}"), *((6, msg((1, t))) for t in ("ipc", "uts", "mount", "cgroup")),
		(10, ["/proc/kcore", "/proc/keys"]), (11, ["/proc/sys"]))
	spec = msg((1, "1.1.0"), (2, process(args, **kw)), (3, msg((1, f"{SHARED}/{cid}/rootfs"))), (4, "sandbox-host"),
		*((5, m) for m in mounts), *string_map(7, annotations), (8, linux))
	return [(1, cid), (2, cid), (6, spec), (7, False)]


def read_all(method, cid, exec_id):
	out = b""
	while True:
		data = first(agent.call(method, (1, cid), (2, exec_id), (3, 32 * 1024)), 1, b"")
		if not data:
			return out
		out += data


def status_of(payload):
	n = first(payload, 1)
	return n - (1 << 64) if n >> 63 else n


def wait(cid, exec_id):
	return status_of(agent.call("WaitProcess", (1, cid), (2, exec_id)))


def run_exec(cid, exec_id, args, **kw):
	agent.call("ExecProcess", (1, cid), (2, exec_id), (4, process(args, **kw)))
	out = read_all("ReadStdout", cid, exec_id)
	return wait(cid, exec_id), out


# ---- the sequence ----

def before_the_sandbox():
	check("Check", first(agent.call("Check", (1, ""), service=HEALTH), 1), 1)
	version = fields(agent.call("Version", (1, ""), service=HEALTH))
	assert version[1][0] and version[2][0], version
	details = fields(agent.call("GetGuestDetails", (1, True), (2, True)))
	handlers = fields(details[2][0])
	for storage in (b"virtio-fs", b"ephemeral", b"local", b"blk", b"bind", b"watchable-bind", b"overlayfs"):
		assert storage in handlers[4], (storage, handlers)
	refused(PRECONDITION, "CreateContainer", *container("early", ["true"]))
	refused(UNIMPLEMENTED, "NoSuchMethod")
	refused(INVALID_ARGUMENT, "CreateSandbox", (1, "bad/name"))


def network():
	address = msg((1, 0), (2, "10.88.7.2"), (3, "24"))
	mac = open("/sys/class/net/before/address", encoding="ascii").read().strip()
	i = msg((1, "eth0"), (2, "eth0"), (3, [address, msg((1, 1), (2, "fd00::2"), (3, "64"))]), (4, 1400), (5, mac))
	answer = fields(agent.call("UpdateInterface", (1, i)))
	check("UpdateInterface: name", answer[2][0], b"eth0")
	routes = msg((1, [msg((1, ""), (2, "10.88.7.1"), (3, "eth0")), msg((1, "10.88.7.0/24"), (3, "eth0"), (5, 253))]))
	listed = agent.call("UpdateRoutes", (1, routes))
	assert any(first(r, 2, b"") == b"10.88.7.1" for r in fields(listed)[1]), listed
	check("ListRoutes", agent.call("ListRoutes"), listed)
	agent.call("AddARPNeighbors", (1, msg((1, [msg((1, msg((1, 0), (2, "10.88.7.9"))), (2, "eth0"),
		(3, "02:00:00:00:00:09"), (4, 0x80))]))))
	names = {first(x, 2): fields(x) for x in fields(agent.call("ListInterfaces"))[1]}
	check("ListInterfaces: mtu", names[b"eth0"][4][0], 1400)
	assert "lladdr 02:00:00:00:00:09 PERMANENT" in subprocess.run(["ip", "neigh"], capture_output=True, text=True, check=True).stdout


def packet_filter():
	for v6, program in ((False, "iptables"), (True, "ip6tables")):
		if subprocess.run([program + "-save"], capture_output=True, check=False).returncode:
			print(f"{program}-save does not work here: not exercised")
			continue
		rules = b"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 4711 -j DROP\nCOMMIT\n"
		agent.call("SetIPTables", (1, v6), (2, rules))
		saved = first(agent.call("GetIPTables", (1, v6)), 1, b"")
		assert b"--dport 4711 -j DROP" in saved, saved
		refused(INTERNAL, "SetIPTables", (1, v6), (2, b"*no such table\n"))
		assert b"4711" in first(agent.call("GetIPTables", (1, v6)), 1, b""), "a wrong set changed the rules"


def sandbox():
	shm = msg((1, "ephemeral"), (3, "shm"), (4, "tmpfs"), (5, ["noexec", "nosuid", "nodev", "mode=1777", "size=67108864"]),
		(6, "/run/kata-containers/sandbox/shm"))
	agent.call("CreateSandbox", (1, "pod-host"), (2, ["nameserver 10.0.0.10", "search a.example"]), (3, [shm]), (4, False),
		(5, POD))
	refused(PRECONDITION, "CreateSandbox", (5, POD))
	agent.call("ReseedRandomDev", (2, os.urandom(512)))
	agent.call("OnlineCPUMem", (1, False), (2, 0), (3, True))
	agent.call("OnlineCPUMem", (1, False), (2, 9), (3, True))
	refused(EXHAUSTED, "OnlineCPUMem", (2, 1 << 20))
	plugged_in_late()
	late = agent.start("OnlineCPUMem", msg((1, True), (2, 1), (3, True)))
	refused(PRECONDITION, "OnlineCPUMem", (1, True), (2, 1))
	return late


def after_the_sandbox():
	refused(INVALID_ARGUMENT, "SetGuestDateTime", (1, 0), (2, 0))
	copy_files()
	agent.call("CreateContainer", *container(POD, ["/pause"], "pod_sandbox"))
	agent.call("StartContainer", (1, POD))


def plugged_in_late():
	"""A processor that appears while the agent waits for it; the machine's own are covered up."""
	waiting = agent.start("OnlineCPUMem", msg((1, True), (2, 1), (3, True)))
	time.sleep(0.2)
	assert not waiting.done.is_set()
	os.mkdir("/sys/devices/system/cpu/cpu1")
	with open("/sys/devices/system/cpu/cpu1/online", "w", encoding="ascii") as f:
		f.write("0\n")
	waiting.wait()
	check("OnlineCPUMem", open("/sys/devices/system/cpu/cpu1/online", encoding="ascii").read()[:1], "1")


def copy_files():
	"""Chunks, a link and a directory; outside of the shared directory nothing."""
	data, mode = os.urandom(2 << 20), 0o100644
	path = f"{SHARED}/{POD}-big"
	for at in range(0, len(data), 1 << 20):
		agent.call("CopyFile", (1, path), (2, len(data)), (3, mode), (4, 0o755), (7, at), (8, data[at:at + (1 << 20)]))
	check("CopyFile", open(path, "rb").read(), data)
	agent.call("CopyFile", (1, f"{SHARED}/{POD}-hostname"), (2, 9), (3, mode), (4, 0o755), (8, b"pod-host\n"))
	agent.call("CopyFile", (1, f"{SHARED}/d"), (3, 0o040750), (4, 0o755), (5, 1), (6, 2))
	check("CopyFile: directory", os.stat(f"{SHARED}/d").st_mode, 0o040750)
	agent.call("CopyFile", (1, f"{SHARED}/d/link"), (2, 6), (3, 0o120777), (4, 0o755), (8, b"target"))
	check("CopyFile: link", os.readlink(f"{SHARED}/d/link"), "target")
	for code, outside in ((DENIED, "/etc/x"), (INVALID_ARGUMENT, f"{SHARED}/../../x"), (INVALID_ARGUMENT, "relative")):
		refused(code, "CopyFile", (1, outside), (2, 1), (3, mode), (4, 0o755), (8, b"x"))


def first_container():
	agent.call("CreateContainer", *container("web", ["sh", "-c", "echo up; hostname; id -u; read x; echo got $x; sleep 1000"]))
	refused(PRECONDITION, "CreateContainer", *container("web", ["true"]))
	ended = agent.start("WaitProcess", msg((1, "web"), (2, "web")))
	agent.call("StartContainer", (1, "web"))
	refused(PRECONDITION, "StartContainer", (1, "web"))
	out = b""
	while out.count(b"\n") < 3:
		out += first(agent.call("ReadStdout", (1, "web"), (2, "web"), (3, 5)), 1)
	check("ReadStdout", out, b"up\npod-host\n0\n")
	pending = agent.start("ReadStdout", msg((1, "web"), (2, "web"), (3, 32768)))
	check("WriteStdin", first(agent.call("WriteStdin", (1, "web"), (2, "web"), (3, b"line\n")), 1), 5)
	check("ReadStdout that waits", first(pending.wait(), 1), b"got line\n")
	agent.call("CloseStdin", (1, "web"), (2, "web"))
	return ended


def execs():
	check("exec", run_exec("web", "e1", ["sh", "-c", "echo $A; exit 7"], env=["A=\u00fc"]), (7, "\u00fc\n".encode()))
	check("signalled exec", run_exec("web", "e2", ["sh", "-c", "kill -9 $$"])[0], 137)
	check("user", run_exec("web", "e3", ["id"], uid=1000)[1], b"uid=1000 gid=1000 groups=7,8\n")
	check("cwd", run_exec("web", "e4", ["readlink", "/proc/self/cwd"], cwd="/bin")[1], b"/bin\n")
	refused(INTERNAL, "ExecProcess", (1, "web"), (2, "e5"), (4, process(["/no/such/program"])))
	refused(NOT_FOUND, "WaitProcess", (1, "web"), (2, "e5"))
	agent.call("ExecProcess", (1, "web"), (2, "tty"), (4, process(["sh", "-c", "read x; stty size"], terminal=True)))
	agent.call("TtyWinResize", (1, "web"), (2, "tty"), (3, 33), (4, 77))
	agent.call("WriteStdin", (1, "web"), (2, "tty"), (3, b"go\n"))
	assert b"33 77\r\n" in read_all("ReadStdout", "web", "tty")
	check("exec of a terminal", wait("web", "tty"), 0)
	refused(UNAVAILABLE, "TtyWinResize", (1, "web"), (2, "web"), (3, 1), (4, 1))
	agent.call("ExecProcess", (1, "web"), (2, "slow"), (4, process(["sleep", "1000"])))
	agent.call("SignalProcess", (1, "web"), (2, "slow"), (3, 15))
	check("SIGTERM", wait("web", "slow"), 143)
	status, out = run_exec("web", "much", ["sh", "-c", "seq 1 200000; echo end >&2"])
	check("much output", (status, out[-7:], len(out)), (0, b"200000\n", 1288895))
	check("ReadStderr", read_all("ReadStderr", "web", "much"), b"end\n")


def second_container():
	"""In one pod: the same host name, IPC and network, another PID namespace."""
	agent.call("CreateContainer", *container("side", ["sh", "-c", "sleep 1000 & exec sleep 1000"]))
	agent.call("StartContainer", (1, "side"))
	paths = [f"/proc/self/ns/{n}" for n in ("uts", "ipc", "net", "pid", "mnt")]
	spaces = [run_exec(c, "n", ["stat", "-L", "-c", "%i", *paths])[1].split() for c in ("web", "side")]
	check("namespaces shared", [a == b for a, b in zip(*spaces)], [True, True, True, False, False])
	run_exec("web", "s", ["sh", "-c", "echo shared >/dev/shm/x"])
	check("shared memory", run_exec("side", "s", ["cat", "/dev/shm/x"])[1], b"shared\n")
	agent.call("PauseContainer", (1, "side"))
	refused(PRECONDITION, "ExecProcess", (1, "side"), (2, "p"), (4, process(["true"])))
	agent.call("ResumeContainer", (1, "side"))
	assert fields(agent.call("StatsContainer", (1, "side")))[1]
	ended = agent.start("WaitProcess", msg((1, "side"), (2, "side")))
	agent.call("SignalProcess", (1, "side"), (2, ""), (3, 9))
	check("SIGKILL for all", status_of(ended.wait()), 137)
	check("WaitProcess again", wait("side", "side"), 137)
	agent.call("SignalProcess", (1, "side"), (2, "side"), (3, 15))
	check("end of output", read_all("ReadStdout", "side", "side"), b"")
	agent.call("RemoveContainer", (1, "side"), (2, 10))
	refused(INVALID_ARGUMENT, "RemoveContainer", (1, "side"))


def wrong_names():
	for method in ("StartContainer", "StatsContainer", "PauseContainer", "ResumeContainer", "RemoveContainer", "UpdateContainer",
			"SignalProcess", "WaitProcess", "ReadStdout", "ReadStderr", "WriteStdin", "CloseStdin", "TtyWinResize"):
		refused(INVALID_ARGUMENT, method, (1, "nobody"))
	for method in ("SignalProcess", "WaitProcess", "ReadStdout", "ReadStderr", "WriteStdin", "CloseStdin", "TtyWinResize"):
		refused(NOT_FOUND, method, (1, "web"), (2, "nobody"))


def others(oom):
	metrics = first(agent.call("GetMetrics"), 1)
	assert b"kata_guest_load" in metrics or b"kata_agent" in metrics, metrics[:200]
	usage = fields(agent.call("GetVolumeStats", (1, "/run")))[1]
	check("GetVolumeStats: units", [first(u, 4) for u in usage], [1, 2])
	refused(UNIMPLEMENTED, "ResizeVolume", (1, "/run"), (2, 1))
	refused(DENIED, "SetPolicy", (1, "package agent_policy\ndefault AllowRequestsFailingPolicy := true"))
	refused(INVALID_ARGUMENT, "AddSwap")
	refused(INVALID_ARGUMENT, "AddSwapPath", (1, "/etc/passwd"))
	for method in ("MemAgentMemcgSet", "MemAgentCompactSet"):
		refused(UNIMPLEMENTED, method, (1, True))
	agent.call("RemoveStaleVirtiofsShareMounts")
	agent.call("MemHotplugByProbe")
	smaller = msg((1, "ephemeral"), (3, "shm"), (4, "tmpfs"), (5, ["size=1048576", "fsgid=0"]), (6, "/run/kata-containers/sandbox/shm"))
	agent.call("UpdateEphemeralMounts", (1, [smaller]))
	size = fields(agent.call("GetVolumeStats", (1, "/run/kata-containers/sandbox/shm")))[1][0]
	check("UpdateEphemeralMounts", first(size, 2), 1 << 20)
	refused(UNIMPLEMENTED, "UpdateEphemeralMounts", (1, [msg((1, "local"), (6, "/x"))]))
	refused(NOT_FOUND, "GetDiagnosticData", (1, "termination_log"), (2, "web"))
	refused(UNIMPLEMENTED, "GetDiagnosticData", (1, "other"), (2, "web"))
	assert not oom.done.is_set(), "GetOOMEvent answered without an event"


def end(ended):
	agent.call("SignalProcess", (1, "web"), (2, "web"), (3, 15))
	check("SIGTERM without a handler", status_of(ended.wait()), 137)
	agent.call("RemoveContainer", (1, "web"))
	agent.call("SignalProcess", (1, POD), (2, POD), (3, 9))
	check("the placeholder's end", wait(POD, POD), 137)
	agent.call("RemoveContainer", (1, POD))
	agent.call("DestroySandbox")


def inside(program):
	"""In the namespaces: everything below /run and /tmp is memory."""
	global agent
	for place in ("/run", "/tmp"):
		subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
	subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
	subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/sys/devices/system/cpu"], check=True)
	subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
	subprocess.run(["ip", "link", "add", "before", "type", "veth", "peer", "name", "other"], check=True)
	subprocess.run(["ip", "link", "set", "other", "up"], check=True)
	for cid in ("web", "side"):
		root = f"{SHARED}/{cid}/rootfs"
		for d in ("bin", "proc", "dev", "sys", "tmp", "etc"):
			os.makedirs(f"{root}/{d}")
		shutil.copy("/bin/busybox", root + "/bin/busybox")
		for w in WORDS:
			os.symlink("busybox", f"{root}/bin/{w}")
	# The tree of cgroups is the host's, and the agent's directory there has its number.
	with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as f:
		f.write(str(random.randrange(10000, 4000000)))
	with subprocess.Popen([program, "--listen", "unix://@/tmp/kata-agent.socket"]) as p:
		for _ in range(200):
			try:
				agent = Client("\0/tmp/kata-agent.socket")
				break
			except OSError:
				time.sleep(0.1)
		try:
			before_the_sandbox()
			network()
			packet_filter()
			late = sandbox()
			after_the_sandbox()
			oom = agent.start("GetOOMEvent")
			ended = first_container()
			execs()
			second_container()
			wrong_names()
			others(oom)
			try:
				late.wait()
				raise AssertionError("a processor appeared")
			except Refused as e:
				check("OnlineCPUMem without processors", e.code, DEADLINE)
			end(ended)
			check("the agent's end", p.wait(30), 0)
		finally:
			p.kill()
	left = [f"/run/sandbox-ns/{n}" for n in ("ipc", "uts") if os.path.exists(f"/run/sandbox-ns/{n}")]
	check("left behind", left, [])


def main():
	program = os.path.join(os.environ.get("SEALPOD_BIN", "build/dev/bin"), "sealpod-agent")
	if sys.argv[1:] == ["inside"]:
		inside(program)
		print("ok")
		return
	for need in ("crun", "busybox", "unshare", "ip"):
		if not shutil.which(need, path="/usr/sbin:/usr/bin:/sbin:/bin"):
			print(f"{need} is missing: tools/install-packages test")
			sys.exit(77)
	if os.geteuid() != 0:
		print("not root")
		sys.exit(77)
	sys.exit(subprocess.run(["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--mount-proc", "--kill-child",
		sys.executable, os.path.abspath(__file__), "inside"], timeout=150, check=False).returncode)


if __name__ == "__main__":
	main()
