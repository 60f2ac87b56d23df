# shellcheck shell=bash
# For podman.sh and buildah.sh: a storage, a runtime state and an image of their own below one directory, and what must
# be gone at the end. Sourced; sets dir, runtime, flags; check() and finish().
bin=${SEALPOD_BIN:?}
for program in "$@" busybox; do
	command -v "$program" >/dev/null || { echo "SKIPPED: no $program"; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo 'SKIPPED: needs root'; exit 77; }
for file in sealpod-oci containerd-shim-sealpod-v2 ../guest/initrd; do
	[ -e "$bin/$file" ] || { echo "SKIPPED: no $bin/$file"; exit 77; }
done
dir=$(mktemp -d /tmp/oci-XXXXXX)
# A runtime of this test: Buildah gives its runtime no global options, and what Podman does after a container's end
# (podman container cleanup) is not given those of --runtime-flag.
runtime=$dir/sealpod-oci
printf '#!/bin/sh\nexec "%s" --root "%s/oci" --config-path "%s/sealpod.toml" "$@"\n' "$bin/sealpod-oci" "$dir" "$dir" >"$runtime"
chmod +x "$runtime"
passed=0
failed=0
printf '[runtime]\nrun_dir = "%s/sp"\nstate_dir = "%s/state"\n' "$dir" "$dir" >"$dir/sealpod.toml"
oci() { "$runtime" "$@"; }

rootfs=$dir/rootfs
mkdir -p "$rootfs"/{bin,etc,tmp,proc,sys,dev,root,var,run}
chmod 1777 "$rootfs/tmp"
cp "$(command -v busybox)" "$rootfs/bin/busybox"
for applet in $(busybox --list); do [ -e "$rootfs/bin/$applet" ] || ln -s busybox "$rootfs/bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n' >"$rootfs/etc/passwd"
printf 'root:x:0:\nuser:x:1000:\n' >"$rootfs/etc/group"
tar -C "$rootfs" -cf "$dir/rootfs.tar" .

check() { # WHAT WANTED GOT (an extended regular expression for the whole of it)
	if [[ $3 =~ ^$2$ ]]; then
		passed=$((passed + 1))
		echo "ok: $1"
	else
		failed=$((failed + 1))
		echo "FAILED: $1: wanted '$2', got '$3'"
	fi
}
# Processes that name our directory, and machines that have files of it open.
ours() {
	pgrep -f -- "$dir" | grep -vx $$ || true
	for p in $(pgrep -f '^[^ ]*qemu-system' || true); do
		if find "/proc/$p/fd" -lname "$dir*" 2>/dev/null | grep -q .; then echo "$p"; fi
	done
}
entries() { find "$dir/oci" "$dir/sp/pods" -mindepth 1 -maxdepth 1 2>/dev/null || true; }
nothing_left() { # WHAT
	local left
	for _ in $(seq 100); do
		[ -z "$(ours; entries)" ] && break
		sleep 0.1
	done
	left=$(for p in $(ours); do tr '\0' ' ' <"/proc/$p/cmdline" | cut -c1-120; echo; done; entries)
	check "$1: no process and no directory is left" '' "$(tr -d '\n' <<<"$left")"
}
finish() {
	echo "$passed checks passed, $failed failed"
	[ "$failed" -eq 0 ]
}
