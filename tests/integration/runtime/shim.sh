#!/usr/bin/env bash
# The shim's program as engines call it, without a machine: bootstrap forms, sockets, files, what "delete" leaves.
set -euo pipefail
bin=${SEALPOD_BIN:-$(dirname "$0")/../../../build/dev/bin}
shim=$(realpath "$bin")/containerd-shim-sealpod-v2
[ "$(id -u)" = 0 ] || { echo "SKIPPED: needs root"; exit 77; }
[ -x "$shim" ] || { echo "SKIPPED: no $shim"; exit 77; }
if [ -z "${SHIM_OWN_MOUNTS:-}" ]; then # nothing of ours in the host's /run
	SHIM_OWN_MOUNTS=1 exec unshare -m --propagation private "$0" "$@"
fi
mkdir -p /run/containerd && mount -t tmpfs -o mode=711 none /run/containerd

base=$(mktemp -d /tmp/sealpod-shim-XXXXXX)
pids=()
cleanup() {
	local pid
	for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
	exec 9>&-
	rm -rf "$base"
}
trap cleanup EXIT

fail() { echo "FAILED: $*"; exit 1; }
same() { [ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"; echo "ok: $1"; }
engine=$base/containerd.sock
printf '[runtime]\nrun_dir = "%s/run"\nstate_dir = "%s/state"\n' "$base" "$base" >"$base/sealpod.toml"

bundle() { # NAME ROLE SANDBOX
	mkdir -p "$base/$1/rootfs"
	mkfifo "$base/$1/log"
	printf '{"ociVersion":"1.0.2","annotations":{%s}}' \
		"${2:+\"io.kubernetes.cri.container-type\":\"$2\",\"io.kubernetes.cri.sandbox-id\":\"$3\"}" >"$base/$1/config.json"
}
call() { # NAME WORD, options in standard input
	(cd "$base/$1" && "$shim" -namespace n -address "$engine" -publish-binary /bin/true -id "$1" -config "$base/sealpod.toml" "$2" 2>"$base/err")
}
address_of() { echo "unix:///run/containerd/s/$(printf '%s' "$engine/n/$1" | sha256sum | cut -d' ' -f1)"; }

# ---- a bare address, as containerd 1.6 and CRI-O read it ----
bundle pod sandbox pod
exec 9<>"$base/pod/log"
export SCHED_CORE=
printf '300' >/proc/self/oom_score_adj
out=$(call pod start </dev/null)
pid=$(cat "$base/pod/shim.pid")
pids+=("$pid")
same "address" "$out" "$(address_of pod)"
same "nothing else is said" "$(stat -c %s "$base/err")" 0
same "address file" "$(cat "$base/pod/address")" "$out"
socket=${out#unix://}
same "socket's mode" "$(stat -c %a "$socket")" 600
same "directory's mode" "$(stat -c %a /run/containerd/s)" 700
same "session of its own" "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
for _ in $(seq 100); do # the server comes to its mount namespace by itself
	[ "$(readlink "/proc/$pid/ns/mnt")" = "$(readlink /proc/self/ns/mnt)" ] || break
	sleep 0.05
done
[ "$(readlink "/proc/$pid/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ] || fail "mount namespace is ours"
same "killed a little earlier than the engine" "$(cat "/proc/$pid/oom_score_adj")" 301
same "working directory" "$(readlink "/proc/$pid/cwd")" "$base/pod"
kill -TERM "$pid"
sleep 0.2
kill -0 "$pid" || fail "SIGTERM ended it"
read -r -t 10 line <&9 || fail "no log line"
python3 -c 'import json, sys; d = json.loads(sys.argv[1]); assert d["pod"] == "pod" and d["event"] == "serving", d' "$line"
echo "ok: log lines are JSON with the pod's id"

# ---- a second start, and a container of the pod ----
same "start of what is there" "$(call pod start </dev/null)" "$out"
same "one server" "$(cat "$base/pod/shim.pid")" "$pid"
bundle app container pod
same "container joins" "$(call app start </dev/null)" "$out"
same "container's address file" "$(cat "$base/app/address")" "$out"
[ ! -e "$base/app/shim.pid" ] || fail "a container has a server"
bundle lost container nowhere
if call lost start </dev/null; then fail "joined a pod that is not there"; fi
grep -q "shim of sandbox nowhere" "$base/err" || fail "$(cat "$base/err")"
echo "ok: no pod, no container"

# ---- JSON and protobuf ----
same "JSON" "$(MAX_SHIM_VERSION=2 call pod start </dev/null)" "{\"version\":2,\"address\":\"$out\",\"protocol\":\"ttrpc\"}"
call app start < <(printf '\x0a\x03app\x12\x01n\x22\x052.3.0\x4a\x11/run/containerd/s') >"$base/result"
python3 - "$base/result" "$out" <<'EOF'
import sys
data, address = open(sys.argv[1], "rb").read(), sys.argv[2].encode()
assert data == b"\x08\x03\x12" + bytes([len(address)]) + address + b"\x1a\x05ttrpc", data
EOF
echo "ok: protobuf"

# ---- delete: a container that never began, then a shim that was killed ----
check_delete() {
	python3 - "$1" <<'EOF'
import sys
data = open(sys.argv[1], "rb").read()
assert data[:3] == b"\x10\x89\x01" and data[3:4] == b"\x1a", data # exit_status 137, exited_at
EOF
}
call app delete </dev/null >"$base/result"
check_delete "$base/result"
kill -0 "$pid" || fail "the pod went with its container"
kill -9 "$pid"
mount -t tmpfs none "$base/pod/rootfs"
call pod delete </dev/null >"$base/result"
check_delete "$base/result"
[ ! -e "$socket" ] || fail "the socket stays"
if mountpoint -q "$base/pod/rootfs"; then fail "rootfs stays mounted"; fi
call pod delete </dev/null >"$base/result"
check_delete "$base/result"
echo "ok: delete, also twice"

# ---- a socket that nobody serves any more, and a server that hangs ----
python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])' "$socket"
same "stale socket" "$(call pod start </dev/null)" "$out"
pid=$(cat "$base/pod/shim.pid")
pids+=("$pid")
kill -STOP "$pid"
call pod delete </dev/null >"$base/result"
case $(ps -o stat= -p "$pid" || true) in '' | Z*) ;; *) fail "the server that hung lives" ;; esac
echo "ok: delete ends a server that hangs"

# ---- information ----
"$shim" -v | grep -q Version || fail "version"
"$shim" -info </dev/null | grep -qa io.containerd.sealpod.v2 || fail "info"
ln -s "$shim" "$base/containerd-shim-other-v2"
"$base/containerd-shim-other-v2" -info </dev/null | grep -qa io.containerd.other.v2 || fail "handler of the name"
if "$shim" -namespace n -id ../x start </dev/null 2>/dev/null; then fail "an id with slashes"; fi
echo "ok: information"
