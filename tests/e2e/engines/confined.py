"""What the processes of a machine may do, as the kernel tells: status, open files, control groups, reserved users."""

import fcntl
import os
import pathlib

PROC = pathlib.Path("/proc")
FIRST, LAST = 0x70000000, 0x77FFFFFF
OPEN = {"/dev/null", "/dev/random", "/dev/urandom", "/dev/kvm", "/dev/net/tun", "/dev/vhost-vsock", "/dev/sev"}
RULES = {"c 1:3 rw", "c 1:8 r", "c 1:9 r"}  # under software emulation
# CHOWN DAC_OVERRIDE FOWNER FSETID SETGID SETUID MKNOD SETFCAP
FILE_CAPABILITIES = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 27 | 1 << 31


def status(pid):
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def below(parent):
    """Every process that another one started, with its status."""
    found = {}
    for entry in PROC.iterdir():
        try:
            if entry.name.isdigit():
                found[int(entry.name)] = status(entry.name)
        except OSError:
            pass
    wanted = {parent}
    while True:
        more = {pid for pid, s in found.items() if int(s["PPid"]) in wanted} - wanted
        if not more:
            return {pid: found[pid] for pid in wanted - {parent}}
        wanted |= more


def devices(pid):
    links = [os.readlink(link) for link in (PROC / str(pid) / "fd").iterdir()]
    return {link for link in links if link.startswith("/dev/")}


def group_faults(pid):
    groups = [line.split(":", 2) for line in (PROC / str(pid) / "cgroup").read_text().splitlines()]
    confined = [(controllers, path) for _, controllers, path in groups if "/sealpod-vmm-" in path]
    if not confined:
        return [f"no control group of its own: {groups}"]
    (controllers, path), = confined
    rules = pathlib.Path(f"/sys/fs/cgroup/devices{path}/devices.list")
    if controllers == "devices" and set(rules.read_text().split("\n")) - {""} != RULES:
        return [f"devices: {rules.read_text()}"]
    return []


def vmm_faults(name, pid, s, disks):
    faults = [f"{key} {s[key]}" for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(s[key], 16)]
    uids = {int(word) for word in s["Uid"].split()}
    if len(uids) != 1 or not FIRST <= min(uids) <= LAST or s["Gid"] != s["Uid"] or s["Groups"]:
        faults.append(f"user {s['Uid']}, groups {s['Gid']} {s['Groups']}")
    if not devices(pid) <= OPEN | set(disks):
        faults.append(f"open devices {devices(pid)}")
    return [f"{name}: {fault}" for fault in faults + group_faults(pid)]


def share_faults(s):
    """It serves files of any owner as root would, in a mount namespace of its own; the one that waits for it can do nothing."""
    if int(s["CapEff"], 16) & ~FILE_CAPABILITIES:
        return [f"virtiofsd: CapEff {s['CapEff']}"]
    return []


def faults(shim, wanted, disks=()):
    """What is wrong with the machine of a shim; `wanted` are the programs that it must have, `disks` the pod's devices."""
    found, bad = below(shim), []
    for pid, s in found.items():
        name = s["Name"]
        if s["NoNewPrivs"] != "1" or s["Seccomp"] != "2" and (name != "virtiofsd" or int(s["CapEff"], 16)):
            bad.append(f"{name}: NoNewPrivs {s['NoNewPrivs']} Seccomp {s['Seccomp']}")
        bad += share_faults(s) if name == "virtiofsd" else vmm_faults(name, pid, s, disks)
    names = {s["Name"] for s in found.values()}
    users = [s["Uid"].split()[0] for s in found.values() if s["Name"] != "virtiofsd"]
    if names != set(wanted) or len(users) != len(set(users)):
        bad.append(f"programs {names}, users {users}")
    return bad


def reserved(uid):
    """Somebody still has the user; the file of a pair is named after the first."""
    try:
        with open(f"/run/sealpod/users/{uid - uid % 2}", "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
