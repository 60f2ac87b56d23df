#!/usr/bin/env bash
# Platform none: nothing vouches for the guest, yet it runs what its tenant signed and nothing else, and gets no key. The same
# table for each architecture; the one that is not this host's is emulated.   Usage: none.sh [x86_64] [s390x]   (default: both)
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/e2e/stack.sh
. tests/e2e/stack.sh
archs=("$@")
[ ${#archs[@]} -gt 0 ] || archs=(x86_64 s390x)
bin=${SEALPOD_BIN:-$PWD/build/release/bin}
if [[ " ${archs[*]} " == *" s390x "* ]] && [ ! -f "$(dirname "$bin")/guest-s390x/initrd" ]; then
	echo "SKIPPED: no s390x guest image (target sealpod-image-s390x)"
	exit 77
fi
dir=$(mktemp -d /tmp/sealpod-none-XXXXXX)
trap 'stack_down; rm -rf "$dir"' EXIT
stack_up "$dir"

passed=0
expect() { # WHAT GOT WANTED
	[[ $2 == *"$3"* ]] || die "$arch: $1: wanted '$3' in: $2"
	passed=$((passed + 1))
	say "ok: $arch: $1"
}
guest() { "$SEALPOD" run --platform none --arch "$arch" --initdata "$S/initdata-$arch.toml" "$@"; }

# Images ARCH (signed) and ARCH-unsigned, and initdata that allows both, so that only the signature tells them apart.
prepare() { # BUSYBOX OCI-ARCHITECTURE
	stack_rootfs "$S/rootfs-$arch" "$1"
	python3 tests/e2e/oci.py rootfs "$S/layout-$arch" plain "$S/rootfs-$arch" "$2"
	push_plain "oci:$S/layout-$arch:plain" "$arch:latest"
	push_plain "oci:$S/layout-$arch:plain" "$arch-unsigned:latest"
	sign_image "$arch:latest"
	jq -n --arg i "$GREG/$arch" '{version: 1, allow: ["logs", "signal", "stdin", "stats"], containers: [
		{name: "job", image: ($i + ":latest"), argv: ["/bin/sh", "-c", "hello; cat; echo on stderr >&2; exit 7"]},
		{name: "server", image: ($i + ":latest"), argv: ["/bin/sh", "-c", "trap \"exit 42\" TERM; sleep 600 & wait"],
			exec: [["/bin/cat", "/etc/secret.txt"], ["/bin/wget", "-qO-", "http://127.0.0.1:8006/cdh/resource/default/key/app"]]},
		{name: "unsigned", image: ($i + "-unsigned:latest"), argv: ["/bin/hello"]}]}' >"$S/manifest-$arch.json"
	make_initdata "$S/initdata-$arch.toml" "https://$HOST_IN_GUEST:$KBS_PORT" "$KBS_DIR/tls-ca.pem" "$S/manifest-$arch.json"
}

job() {
	local out status=0
	out=$(printf 'through standard input' | guest --container job "$GREG/$arch:latest" 2>"$dir/err") || status=$?
	expect 'a signed image runs' "$out$(cat "$dir/err")" 'Hello from inside the confidential guest.'
	expect 'on the kernel of its architecture' "$out" "-$2"
	expect 'input and output pass' "$out" 'through standard input'
	expect 'standard error passes' "$(cat "$dir/err")" 'on stderr'
	expect "the exit status is the container's" "$status" 7
}

server() {
	local out status=0 pid id=none-${arch/_/-}-$$
	"$SEALPOD" run --platform none --arch "$arch" --initdata "$S/initdata-$arch.toml" --name "$id" --container server "$GREG/$arch:latest" \
		</dev/null >/dev/null 2>"$dir/err" &
	pid=$!
	STACK_PIDS+=("$pid")
	wait_for 180 "$SEALPOD" pod exec "$id" -- /bin/cat /etc/secret.txt || die "$arch: no exec: $(cat "$dir/err")"
	expect 'exec as the manifest allows' "$("$SEALPOD" pod exec "$id" -- /bin/cat /etc/secret.txt)" 'encrypted when it left'
	out=$("$SEALPOD" pod exec "$id" -- /bin/ls / 2>&1) && die "$arch: any command is executed"
	expect 'no other exec' "$out" manifest.exec
	out=$("$SEALPOD" pod exec "$id" -- /bin/wget -qO- http://127.0.0.1:8006/cdh/resource/default/key/app 2>&1) && die "$arch: a key without a TEE"
	expect 'no key without a TEE' "$out" 'error: HTTP/1.1 500' # hub.no-tee; busybox does not show the text
	expect 'the log of the guest is kept' "$("$SEALPOD" pod logs "$id")" '"platform":"none"'
	kill "$pid"
	wait "$pid" || status=$?
	expect 'a signal reaches the container' "$status" 42
}

unsigned() {
	local out
	out=$(guest --container unsigned "$GREG/$arch-unsigned:latest" </dev/null 2>&1) && die "$arch: an unsigned image runs"
	expect 'an unsigned image does not run' "$out" image.unsigned
}

for arch in "${archs[@]}"; do
	begin=$SECONDS
	case $arch in
	x86_64) prepare /bin/busybox amd64 ;;
	s390x) prepare build/s390x-sysroot/bin/busybox s390x ;;
	*) die "architecture $arch: x86_64 or s390x" ;;
	esac
	job "$arch" "${arch/x86_64/amd64}"
	server
	unsigned
	say "$arch: $((SECONDS - begin)) s"
done
printf '%d passed, 0 failed\n' "$passed"
