#!/usr/bin/env bash
# Podman with real guests: podman.sh [PART...]; parts: run net live pod kill
set -euo pipefail
parts=${*:-run net live pod kill}
set -- podman conmon curl
# shellcheck source=tests/e2e/engines/oci_engine.sh
. "$(dirname "$0")/oci_engine.sh"
: "${dir:?}" "${runtime:?}" # its words
pod() {
	timeout -k 5 240 podman --root "$dir/storage" --runroot "$dir/runroot" --tmpdir "$dir/tmp" --cgroup-manager=cgroupfs \
		--runtime "$runtime" --events-backend=file --storage-driver=vfs "$@"
}
end() {
	pod rm -af -t 0 >/dev/null 2>&1 || true
	pod pod rm -af -t 0 >/dev/null 2>&1 || true
	for id in $(oci list -q 2>/dev/null); do oci delete -f "$id" 2>/dev/null || true; done
	for p in $(ours); do kill -9 "$p" 2>/dev/null || true; done
	grep -o "$dir/[^ ]*" /proc/mounts | sort -r | xargs -r -n1 umount -l 2>/dev/null || true
	rm -rf "$dir"
}
trap end EXIT
pod import -q "$dir/rootfs.tar" bb >/dev/null
one() { # SECONDS-VARIABLE is not needed: OUT and RC of one command
	RC=0
	OUT=$(pod "$@" 2>"$dir/err" | tr -d '\r' | tr '\n' ' ') || RC=$?
	OUT=${OUT% }
	[ "$RC" -eq 0 ] || OUT="$OUT ($RC)"
	[ -z "${VERBOSE:-}" ] || cat "$dir/err"
}
# busybox's wget looks for name services that a static program does not have
fetch() { # HOST PORT
	echo "printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 $1 $2 | tail -1"
}
wait_logs() { # CONTAINER TEXT
	for _ in $(seq 100); do
		pod logs "$1" 2>/dev/null | grep -q "$2" && return
		sleep 0.2
	done
}

part_run() {
	mkdir -p "$dir/data"
	echo given >"$dir/data/in"
	chmod 777 "$dir/data"
	one run --rm --network none -e A=1 -w /tmp --user 1000:1000 -v "$dir/data:/data" --read-only --tmpfs /scratch bb \
		sh -c 'echo $A; pwd; id -u; cat /data/in; echo made >/data/out; touch /no 2>/dev/null || echo read-only; echo s >/scratch/s && cat /scratch/s; exit 7'
	check 'environment, directory, user, volume, read-only root, tmpfs, exit status' '1 /tmp 1000 given read-only s \(7\)' "$OUT"
	check 'what the container wrote into the volume' 'made' "$(cat "$dir/data/out" 2>/dev/null)"
	RC=0
	OUT=$(printf 'one\ntwo\n' | pod run --rm -i --network none bb sh -c 'cat; echo e >&2; hostname' 2>"$dir/err") || RC=$?
	check 'standard input to its end' "one.two.[0-9a-f]{12} 0" "$(tr '\n' '.' <<<"$OUT" | sed 's/\.$//') $RC"
	check 'standard error' 'e' "$(cat "$dir/err")"
	one run --rm -t --network none bb sh -c 'tty; test -t 0 && test -t 1 && echo terminal; exit 3'
	check 'a terminal' '/dev/(pts/[0-9]+|console) terminal \(3\)' "$OUT"
	one run --rm --network none bb /no/such/program
	check 'a program that is not there' ' \(127\)' "$OUT"
	one run --rm --network none bb sh -c 'sh -c "kill -9 \$\$"; exit $?'
	check 'the status of what was killed' ' \(137\)' "$OUT"
	nothing_left 'run'
}

part_live() {
	one run -d --name live --network none bb sh -c 'trap "echo bye; exit 5" TERM; echo first; while :; do sleep 0.2; done'
	check 'detached' '[0-9a-f]{64}' "$OUT"
	wait_logs live first
	one logs live
	check 'logs' 'first' "$OUT"
	one exec -e B=2 -w /etc --user 1000 live sh -c 'echo $B; pwd; id -u; exit 4'
	check 'exec: environment, directory, user, status' '2 /etc 1000 \(4\)' "$OUT"
	check 'exec: standard input' 'hello' "$(echo hello | pod exec -i live cat)"
	one exec -t live sh -c 'test -t 0 && echo terminal'
	check 'exec: terminal' 'terminal' "$OUT"
	one exec live /no/such
	check 'exec: a program that is not there' ' \(127\)' "$OUT"
	check 'exec: 4 MB' '4194304' "$(pod exec live head -c 4194304 /dev/zero | wc -c)"
	one exec -d live sleep 77
	sleep 1
	check 'exec: detached' '1' "$(pod exec live sh -c 'ps | grep -c "[s]leep 77"')"
	echo copied >"$dir/file"
	one cp "$dir/file" live:/tmp/copy
	check 'copied into the running container, not into the host' 'copied no' "$(pod exec live cat /tmp/copy) $([ -e /tmp/copy ] && echo yes || echo no)"
	one pause live
	check 'paused' 'paused' "$(pod inspect --format '{{.State.Status}}' live)"
	one unpause live
	check 'and running again' 'running' "$(pod inspect --format '{{.State.Status}}' live)"
	one exec live echo still
	check 'exec after the pause' 'still' "$OUT"
	one stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' live
	check 'stats' '[1-9][0-9]* [0-9.]+[kMG]B / .*' "$OUT"
	begun=$(date +%s%N)
	pod stop -t 10 live >/dev/null
	ms=$((($(date +%s%N) - begun) / 1000000))
	check "stop: the trap has its time ($ms ms)" 'yes' "$([ $ms -lt 9000 ] && echo yes)"
	check 'the exit status of the trap' '5' "$(pod inspect --format '{{.State.ExitCode}}' live)"
	check 'its last words' 'first bye' "$(pod logs live | tr '\n' ' ' | sed 's/ $//')"
	one start live
	wait_logs live 'first.*bye.*first' || true
	check 'started again' 'running' "$(pod inspect --format '{{.State.Status}}' live)"
	begun=$(date +%s%N)
	one kill live
	one wait live
	check 'killed' '137' "$OUT"
	one rm live
	nothing_left 'live'
}

part_net() {
	one run -d --name web bb sh -c 'mkdir /tmp/w; echo page >/tmp/w/index.html; echo ready; exec httpd -f -p 8080 -h /tmp/w'
	[ "$RC" -eq 0 ] || { check 'bridge network' 'a container' "$OUT $(cat "$dir/err")"; return; }
	wait_logs web ready
	ip=$(pod inspect --format '{{.NetworkSettings.IPAddress}}' web)
	check 'the address in the guest is the one Podman gave' "$ip" "$(pod exec web ip -4 -o addr | sed -nE 's#.*inet (10[^/]*)/.*#\1#p')"
	check 'the host reaches the container' 'page' "$(curl -s -m 5 "http://$ip:8080/")"
	one run --rm --network container:web bb sh -c "$(fetch 127.0.0.1 8080)"
	check 'a container that joins its network is in its machine' 'page' "$OUT"
	one exec web cat /etc/hosts
	check 'hosts file' '.*localhost.*' "$OUT"
	pod rm -f -t 1 web >/dev/null
	nothing_left 'net'
}

part_pod() {
	one pod create --name p --network none --infra-image bb --infra-command 'sleep 100000'
	one run -d --pod p --name server bb sh -c 'mkdir /tmp/w; echo shared >/tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w'
	check 'a pod' '[0-9a-f]{64}' "$OUT"
	one run --rm --pod p bb sh -c "$(fetch 127.0.0.1 80)"
	check 'localhost is shared' 'shared' "$OUT"
	check 'one machine' '1' "$(ls "$dir/sp/pods" | wc -l)"
	one pod stop -t 2 p
	one pod rm -f p
	nothing_left 'pod'
}

killed() { # WHAT PID-COMMAND
	one run -d --name victim --network none bb sleep 100000
	check "$1: runs" '[0-9a-f]{64}' "$OUT"
	local pid
	pid=$(eval "$2" || true)
	[ -n "$pid" ] || { check "$1" 'a pid' ''; return; }
	kill -9 "$pid"
	for _ in $(seq 100); do
		[ "$(pod inspect --format '{{.State.Status}}' victim 2>/dev/null)" = exited ] && break
		sleep 0.1
	done
	check "$1: podman sees the end" 'exited' "$(pod inspect --format '{{.State.Status}}' victim 2>/dev/null)"
	one rm -f victim
	check "$1: removed" '[0-9a-z]+' "$OUT"
	nothing_left "$1"
}
part_kill() {
	killed 'holder killed' 'oci list | sed -nE "s/^[0-9a-f]+ +([0-9]+).*/\1/p"'
	killed 'shim killed' 'cat "$dir"/oci/*/bundle/shim.pid'
	killed 'machine killed' 'pgrep -f "qemu-system.*sealpod-$(oci list -q)" | head -1'
}

for part in $parts; do "part_$part"; done
finish
