"""Operations on pods of a container engine: sealpod pod ps, stats, events, timeline, logs, exec, rm and sealpod metrics, on a pod of
two containers and its placeholder.

operations.py   one real machine
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

from engine import BIN, IMAGE, PAUSE, POD_ID, POD_TYPE, Containerd, need, run

POD = f"ops{os.getpid()}"
HANDLER = '\n[handler.sealpod]\nmemory_mib = 384\n[handler.small]\nplatform = "none"\nmemory_mib = 256\n'
STARTED = "sealpod_pod_start_seconds"
SCRIPT = "echo {} >/tmp/name; while :; do sleep 1; done"
# What ctr gives to a container.
CAPABILITIES = ["CAP_" + name for name in ("CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE "
                                           "SYS_CHROOT KILL AUDIT_WRITE").split()]


def expect(condition, what, got=""):
    if not condition:
        print(f"FAILED: {what}: {got}")
        raise SystemExit(1)
    print(f"ok: {what}")


class Test:
    def __init__(self, engine):
        self.engine = engine
        self.qemu = 0

    def sealpod(self, *argv, check=True, **more):
        done = run(BIN / "sealpod", *argv, **more)
        if check and done.returncode != 0:
            expect(False, f"sealpod {' '.join(map(str, argv))}", done.stderr.decode(errors="replace"))
        return done

    def pod(self, command, *argv, **more):
        return self.sealpod("pod", command, "--run-dir", self.engine.run_dir, *argv, **more)

    def json(self, command, *argv):
        return json.loads(self.pod(command, "--json", *argv).stdout)

    def start(self, name, image, annotations, *argv):
        labels = [word for key, value in annotations.items() for word in ("--annotation", f"{key}={value}")]
        done = self.engine.ctr("run", "-d", "--runtime", "io.containerd.sealpod.v2", "--runtime-config-path",
                               self.engine.runtime_config, *labels, image, name, *argv)
        expect(done.returncode == 0, f"container {name} starts", done.stderr.decode(errors="replace")[-1500:])

    def start_pod(self):
        self.start(POD, PAUSE, {POD_TYPE: "sandbox", POD_ID: POD}, "/bin/sleep", "100000")
        for name in ("one", "two"):
            names = {"io.kubernetes.cri.container-name": name, "io.kubernetes.cri.image-name": IMAGE}
            self.start(f"{POD}-{name}", IMAGE, {POD_TYPE: "container", POD_ID: POD, **names}, "/bin/sh", "-c", SCRIPT.format(name))

    def look(self):
        pods = self.json("ps")
        expect([p["id"] for p in pods] == [POD], "ps has the pod", pods)
        expect(sorted(pods[0]["containers"]) == [POD, f"{POD}-one", f"{POD}-two"], "ps has its containers", pods)
        expect(POD in self.pod("ps").stdout.decode(), "ps for people")
        timeline = self.json("timeline", "--state-dir", f"{self.engine.base}/state", POD)
        stages = set(timeline["stages"])
        expect({"launch", "kernel", "agent", "start"} <= stages, "timeline of an engine's pod", timeline)

    def events(self):
        text = self.pod("events", POD).stdout.decode()
        expect("now: running" in text, "events end with the stage", text[-600:])
        expect("start took" in text, "events have the stages", text[-600:])
        kinds = [json.loads(line) for line in self.pod("events", "--json", POD).stdout.decode().splitlines()]
        expect(kinds and all(k["pod"] == POD for k in kinds), "events as JSON name their pod", kinds[:3])

    def logs(self):
        lines = [json.loads(line) for line in self.pod("logs", "--json", POD).stdout.decode().splitlines()]
        expect(lines and all(line["pod"] == POD for line in lines), "logs as JSON name their pod", lines[:3])
        raw = (self.engine.run_dir / "pods" / POD / "log.jsonl").read_text().splitlines()
        starts = [line for line in map(json.loads, (text for text in raw if text.startswith("{"))) if line.get("stage") == "start"]
        expect(len(starts) == 2 and all(s.get("pod") == POD and s["container"].startswith(f"{POD}-") for s in starts),
               "the guest's own lines name pod and container", starts)
        only = [json.loads(line) for line in self.pod("logs", "--json", "--container", f"{POD}-o", POD).stdout.decode().splitlines()]
        expect(only and all(line["container"] == f"{POD}-one" for line in only), "logs of one container", only[:3])

    def execute(self):
        for name in ("one", "two"):
            done = self.pod("exec", "--container", f"{POD}-{name}", POD, "--", "/bin/cat", "/tmp/name")
            expect(done.stdout.decode().strip() == name, f"exec in container {name}", done)
        done = self.pod("exec", POD, "--", "/bin/true", check=False)
        expect(done.returncode != 0 and f"{POD}-one" in done.stderr.decode(), "exec asks which container", done.stderr)

    def stats(self):
        stats = self.json("stats")
        containers = {c["container"]: c for c in stats[0]["containers"]}
        expect(len(containers) == 3 and all(c["known"] for c in containers.values()), "stats of three containers", stats)
        expect(containers[f"{POD}-one"]["memory"] > 0, "memory of a container", containers)
        whole = stats[0]["host_all"]
        expect(whole["source"] == "cgroup" and whole["cpu_ns"] > 10**9 and whole["processes"] > 2, "the host's side of the whole pod", whole)
        host = {h["process"]: h for h in stats[0]["host"]}
        expect(whole["memory"] > 64 << 20, f"memory of the whole: {whole['memory'] >> 20} MiB", stats)
        expect({"owner", "qemu"} <= set(host), "processes of the host", host)
        self.qemu = host["qemu"]["pid"]
        expect(host["qemu"]["resident"] > 32 * 1024 * 1024 > host["owner"]["resident"] > 0,
               f"memory: QEMU {host['qemu']['resident'] >> 20} MiB, shim {host['owner']['resident'] >> 10} KiB", host)

    def metrics(self):
        args = [BIN / "sealpod", "metrics", "--run-dir", self.engine.run_dir, "--state-dir", self.engine.base, "--listen", "127.0.0.1:0"]
        with tempfile.TemporaryFile() as log, subprocess.Popen(args, stderr=log) as server:
            try:
                for _ in range(100):
                    log.seek(0)
                    found = re.search(rb"http://\S+/metrics", log.read())
                    if found:
                        break
                    time.sleep(0.1)
                with urllib.request.urlopen(found[0].decode(), timeout=20) as answer:
                    kind, text = answer.headers["Content-Type"], answer.read().decode()
            finally:
                server.terminate()
        expect(kind.startswith("text/plain; version=0.0.4"), "metrics' content type", kind)
        for line in text.splitlines():
            if not re.fullmatch(r'# (HELP|TYPE) sealpod_\w+ .+|sealpod_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [0-9.]+', line):
                expect(False, "a line that Prometheus reads", line)
        names = {line.split("{")[0] for line in text.splitlines() if "{" in line}
        for name in ("sealpod_pod_info", "sealpod_container_memory_bytes", "sealpod_process_resident_memory_bytes", STARTED,
                     "sealpod_pod_host_memory_bytes", "sealpod_start_seconds_bucket", "sealpod_start_stage_seconds_bucket"):
            expect(name in names, f"metric {name}", sorted(names))
        expect(f'sealpod_container_creations_total{{pod="{POD}"}} 3' in text, "creations are counted", text[:500])

    def policy(self):
        """A manifest that fits one container and not the other, asked about what this pod was really asked."""
        rule = {"image": IMAGE, "argv": ["/bin/sh", "-c", SCRIPT.format("one")], "capabilities": CAPABILITIES, "mounts": ["/run"]}
        manifest = self.engine.base / "manifest.json"
        manifest.write_text(json.dumps({"version": 1, "allow": ["stats"], "containers": [{"name": n, **rule} for n in ("one", "two")]}))
        self.engine.ctr("task", "exec", "--exec-id", "asked", f"{POD}-one", "/bin/true", check=True)
        done = self.sealpod("policy", "test", "--json", "--run-dir", self.engine.run_dir, "--running", POD, manifest, check=False)
        found = [(a["kind"], a["container"], "allowed" if a["allowed"] else a.get("code") or a["error"]) for a in json.loads(done.stdout)]
        expect(done.returncode == 1, "a manifest that does not fit", found)
        for wanted in (("CreateContainer", "one", "allowed"), ("CreateContainer", "two", "manifest.argv"),
                       ("StartContainer", f"{POD}-one", "allowed"), ("ExecProcess", f"{POD}-one", "manifest.exec")):
            expect(wanted in found, f"policy test --running: {' '.join(wanted)}", found)

    def remove(self):
        self.pod("rm", POD)
        expect(self.json("ps") == [], "rm removes the pod")
        for _ in range(50):
            if not pathlib.Path(f"/proc/{self.qemu}").exists():
                break
            time.sleep(0.2)
        expect(not pathlib.Path(f"/proc/{self.qemu}").exists(), "its machine is gone", self.qemu)
        text = self.sealpod("metrics", "--once", "--run-dir", self.engine.run_dir, "--state-dir", self.engine.base).stdout.decode()
        expect('sealpod_start_seconds_count{platform="none"} 1\n' in text, "its start is still counted", text)


def main():
    need("containerd", "ctr")
    with Containerd(extra=HANDLER) as engine:
        test = Test(engine)
        test.start_pod()
        for step in (test.look, test.events, test.logs, test.execute, test.stats, test.metrics, test.policy, test.remove):
            step()
    return 0


if __name__ == "__main__":
    sys.exit(main())
