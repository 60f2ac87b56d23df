#!/usr/bin/env bash
# The same inputs make the same image: built twice, with other directories, file mode mask, time zone and time.
# Usage: reproducible.sh BIN-DIR KERNEL-DIR FIRMWARE
set -euo pipefail

bin=$(realpath "$1") kernel=$(realpath "$2") firmware=$(realpath "$3")
source=$(realpath "$(dirname "$0")/../../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl genpkey -algorithm ed25519 -out "$work/key" 2>/dev/null

image() { # OUT SOURCE-DIR COMPRESSION
	"$bin/sealpod-guest-image" --list "$2/measured-boot/guest-x86_64.list" --list "$2/measured-boot/guest-base.list" \
		--list "$2/tests/integration/measured-boot/guest-probe.list" --set "here=$2/measured-boot" \
		--set "probe=$bin/guest-probe" --set ca=/etc/ssl/certs/ca-certificates.crt \
		--kernel "$kernel" --firmware "$firmware" --out "$1" --compression "$3" --sign-key "$work/key"
}

mkdir -p "$work/elsewhere/tests/integration/measured-boot" "$work/cwd"
cp -r "$source/measured-boot" "$work/elsewhere/"
cp "$source/tests/integration/measured-boot/guest-probe.list" "$work/elsewhere/tests/integration/measured-boot/"
find "$work/elsewhere" -exec touch -h -d '2001-02-03 04:05:06' {} +
chmod -R go-rwx "$work/elsewhere"

for compression in zstd xz; do
	(umask 022 && TZ=UTC && export TZ && cd / && image "$work/a-$compression" "$source" "$compression")
	sleep 1.1
	(umask 077 && TZ=Asia/Tokyo LC_ALL=C && export TZ LC_ALL && cd "$work/cwd" &&
		image "$work/b/$compression" "$work/elsewhere" "$compression")
	for file in initrd vmlinuz reference-values.{json,json.sig,trustee.json,trustee.json.sig,corim} sizes.txt; do
		cmp "$work/a-$compression/$file" "$work/b/$compression/$file"
	done
done

# What an image of ours never holds.
zstd -dcq "$work/a-zstd/initrd" | cpio -t --quiet >"$work/names"
grep -qx init "$work/names"
grep -qx etc/sealpod/modules "$work/names"
if grep -E '(^|/)(sh|bash|dash|busybox|apt|dpkg|perl|python[0-9.]*)$' "$work/names"; then
	echo 'a shell, interpreter or package manager is in the image' >&2
	exit 1
fi
cat "$work/a-zstd/sizes.txt"
