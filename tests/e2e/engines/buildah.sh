#!/usr/bin/env bash
# Buildah with real guests: run in a working container, RUN in a Containerfile.
set -euo pipefail
set -- buildah
# shellcheck source=tests/e2e/engines/oci_engine.sh
. "$(dirname "$0")/oci_engine.sh"
storage=(--root "$dir/storage" --runroot "$dir/runroot" --storage-driver=vfs)
ba() { timeout -k 5 240 buildah "${storage[@]}" "$@"; }
end() {
	ba rm -a >/dev/null 2>&1 || true
	for id in $(oci list -q 2>/dev/null); do oci delete -f "$id" 2>/dev/null || true; done
	for p in $(ours); do kill -9 "$p" 2>/dev/null || true; done
	grep -o "$dir/[^ ]*" /proc/mounts | sort -r | xargs -r -n1 umount -l 2>/dev/null || true
	rm -rf "$dir"
}
trap end EXIT

c=$(ba from scratch)
ba add -q "$c" "$dir/rootfs.tar" / >/dev/null
ba commit -q "$c" bb >/dev/null
ba rm "$c" >/dev/null
c=$(ba from localhost/bb)
run=(run --isolation oci --runtime "$runtime")
check 'run' 'hello Linux' "$(ba "${run[@]}" "$c" -- sh -c 'echo hello; uname; echo made >/made' | tr '\n' ' ' | sed 's/ $//')"
rc=0
out=$(ba "${run[@]}" --network none "$c" -- sh -c 'cat /made; exit 9' 2>/dev/null) || rc=$?
check 'what it wrote is there, and its exit status' 'made 9' "$out $rc"
check 'standard input' 'words' "$(echo words | ba "${run[@]}" --network none "$c" -- cat)"
check 'the network that Buildah makes after create' '.*default via.*' "$(ba "${run[@]}" "$c" -- ip route | tr '\n' ' ')"
ba rm "$c" >/dev/null
printf 'FROM localhost/bb\nRUN echo one >/a && mkdir /d\nRUN cat /a >/d/b\nCMD ["/bin/cat", "/d/b"]\n' >"$dir/Containerfile"
rc=0
ba bud --isolation oci --runtime "$runtime" -q -t built -f "$dir/Containerfile" "$dir" >"$dir/out" 2>&1 || rc=$?
check 'bud with two RUN' '0' "$rc"
[ "$rc" -eq 0 ] || tail -3 "$dir/out"
c=$(ba from localhost/built)
check 'and what they made' 'one' "$(cat "$(ba mount "$c")/d/b" 2>/dev/null)"
ba umount "$c" >/dev/null
nothing_left 'buildah'
finish
