#!/usr/bin/env bash
# kill -9 of the runtime at random moments leaves nothing behind after the next command.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/e2e/stack.sh
. tests/e2e/stack.sh
dir=$(mktemp -d /tmp/sealpod-kill-XXXXXX)
trap 'stack_down; rm -rf "$dir"' EXIT
stack_up "$dir"

run_dir=$dir/run
passed=0
for i in 1 2 3 4 5; do
	"$SEALPOD" run --run-dir "$run_dir" --name "killed-$i" --initdata "$INITDATA" "$IMAGE" >/dev/null 2>&1 </dev/null &
	pid=$!
	sleep "$((RANDOM % 14)).$((RANDOM % 10))"
	kill -9 "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	"$SEALPOD" pod ps --run-dir "$run_dir" >/dev/null
	sleep 0.5
	left=$(pgrep -af "$run_dir" || true)
	[ -z "$left" ] || die "processes left after kill $i: $left"
	left=$(find "$run_dir/pods" -mindepth 1 2>/dev/null || true)
	[ -z "$left" ] || die "files left after kill $i: $left"
	! grep -q "$run_dir" /proc/mounts || die "mounts left after kill $i"
	passed=$((passed + 1))
	say "ok: killed at moment $i, nothing left"
done
printf '%d passed, 0 failed\n' "$passed"
