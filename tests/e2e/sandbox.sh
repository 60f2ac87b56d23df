#!/usr/bin/env bash
# struct sandbox with real guests, platform none: a busybox bundle with every kind of volume, then owners that are killed at random
# moments.   Usage: sandbox.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${SEALPOD_BIN:-$PWD/build/release/bin}
guest=$(dirname "$bin")/guest
driver=$bin/e2e_sandbox
[ "$(id -u)" = 0 ] || { echo "SKIPPED: needs root"; exit 77; }
[ -f "$guest/initrd" ] || { echo "SKIPPED: no guest image (target sealpod-image)"; exit 77; }
[ -x /usr/lib/qemu/virtiofsd ] || [ -x /usr/libexec/virtiofsd ] || { echo "SKIPPED: no virtiofsd"; exit 77; }
[ -x /bin/busybox ] || { echo "SKIPPED: no busybox"; exit 77; }

dir=$(mktemp -d /tmp/sealpod-sandbox-XXXXXX)
run=$dir/run
cleanup() {
	local m
	grep -o " $dir/[^ ]*" /proc/self/mountinfo | sort -ru | while read -r m; do umount -l "$m" || true; done
	rm -rf --one-file-system "$dir"
}
trap cleanup EXIT
passed=0
expect() { # WHAT GOT WANTED
	[[ $2 == *"$3"* ]] || { echo "FAILED: $1: wanted '$3' in: $2"; exit 1; }
	passed=$((passed + 1))
	echo "ok: $1"
}
left() { # what a pod must not leave
	grep -o " $dir/run[^ ]*" /proc/self/mountinfo || true
	find "$run/pods" -mindepth 1 2>/dev/null || true
	pgrep -f "$dir/run" -a || true
}

bundle() { # SCRIPT
	mkdir -p "$dir/bundle/rootfs"/{bin,proc,dev,sys,tmp,etc}
	cp /bin/busybox "$dir/bundle/rootfs/bin/"
	for a in sh cat echo touch stat sleep df grep id ls wc; do ln -sf busybox "$dir/bundle/rootfs/bin/$a"; done
	mkdir -p "$dir/shared" "$dir/kubernetes.io~empty-dir/disk" "$dir/kubernetes.io~empty-dir/memory"
	mountpoint -q "$dir/kubernetes.io~empty-dir/memory" || mount -t tmpfs -o size=8m none "$dir/kubernetes.io~empty-dir/memory"
	echo 'from the host' >"$dir/shared/file"
	echo '10.9.8.7 peer' >"$dir/hosts"
	printf 'nameserver 10.9.8.1\n' >"$dir/resolv.conf"
	jq -n --arg d "$dir" --arg s "$1" '
	{ociVersion: "1.0.2", hostname: "boxed", root: {path: "rootfs"},
	 process: {args: ["/bin/sh", "-c", $s], env: ["PATH=/bin"], cwd: "/", user: {uid: 0, gid: 0}},
	 mounts: [{destination: "/proc", type: "proc", source: "proc"},
		{destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"]},
		{destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["size=16777216"]},
		{destination: "/etc/hosts", type: "bind", source: ($d + "/hosts"), options: ["rbind", "ro"]},
		{destination: "/etc/resolv.conf", type: "bind", source: ($d + "/resolv.conf"), options: ["rbind", "ro"]},
		{destination: "/rw", type: "bind", source: ($d + "/shared"), options: ["rbind", "rw"]},
		{destination: "/ro", type: "bind", source: ($d + "/shared"), options: ["rbind", "ro"]},
		{destination: "/disk", type: "bind", source: ($d + "/kubernetes.io~empty-dir/disk"), options: ["rbind"]},
		{destination: "/memory", type: "bind", source: ($d + "/kubernetes.io~empty-dir/memory"), options: ["rbind"]}],
	 linux: {namespaces: [{type: "pid"}, {type: "ipc"}, {type: "uts"}, {type: "mount"}, {type: "network"}]}}' >"$dir/bundle/config.json"
}

# shellcheck disable=SC2016
bundle 'cat; cat /rw/file /etc/hosts /etc/resolv.conf; echo back >/rw/answer; touch /ro/x 2>&1; echo lost >/disk/f; df -m /memory /dev/shm; grep -c . /proc/mounts; exit 9'
status=0
out=$(printf 'standard input\n' | "$driver" "$guest" "$run" "$dir/bundle" 2>"$dir/err") || status=$?
[ "$status" = 9 ] || cat "$dir/err"
expect 'the exit status is the process'"'"'s' "$status" 9
expect 'standard input arrives' "$out" 'standard input'
expect 'a directory of the host is read' "$out" 'from the host'
expect 'a file of the host is read' "$out" '10.9.8.7 peer'
expect 'the DNS file is the pod'"'"'s' "$out" 'nameserver 10.9.8.1'
expect 'what is read-only is not written' "$out" 'Read-only file system'
expect 'what is written comes back' "$(cat "$dir/shared/answer")" back
expect 'an emptyDir of the guest never reaches the host' "$(find "$dir/kubernetes.io~empty-dir/disk" -type f | wc -l)" 0
expect 'the limit of a memory volume holds' "$out" ' 8 '
expect 'so does that of /dev/shm' "$out" ' 16 '
expect 'nothing is left' "[$(left)]" '[]'

# The same emptyDir on a device of the host, encrypted with a key of the guest; the host sees a file of noise.
# shellcheck disable=SC2016
bundle 'ls -a /disk; stat -c %a /disk; grep -c "^/dev/dm-.* /disk ext4" /proc/mounts; echo words that the host must not read >/disk/f; cat /disk/f; sync'
status=0
out=$(ENCRYPT=1 "$driver" "$guest" "$run" "$dir/bundle" 2>"$dir/err" </dev/null) || status=$?
[ -n "$out" ] || cat "$dir/err"
expect 'an encrypted volume is a file system of its own' "$out" $'777\n1'
expect 'it can be used' "$out" 'words that the host must not read'
expect 'nothing is left' "[$(left)]" '[]'

# Killed while it starts, and while it runs: the next command cleans up.
bundle 'echo started >/rw/started; sleep 600'
for ms in 50 300 1500 12000; do
	"$driver" "$guest" "$run" "$dir/bundle" 600 </dev/null >/dev/null 2>&1 &
	pid=$!
	sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || true
	SEALPOD_ONLY_CLEAN=1 "$driver" "$guest" "$run" "$dir/bundle"
	expect "killed after $ms ms: nothing is left" "[$(left)]" '[]'
	expect "killed after $ms ms: the host's files are there" "$(cat "$dir/shared/file")" 'from the host'
done
printf '%d passed, 0 failed\n' "$passed"
