#!/usr/bin/env bash
# A confidential pod by Kubernetes' interface: containerd's CRI plugin, platform vtpm, an encrypted and signed image, a secret of the
# broker as variable and as file, encrypted volumes, an image larger than memory, and what a hostile host asks for instead. The broker,
# registry and CNI bridge are real.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${SEALPOD_BIN:-$PWD/build/release/bin}
for program in containerd ctr skopeo docker-registry swtpm losetup cryptsetup; do
	command -v "$program" >/dev/null || { echo "SKIPPED: no $program"; exit 77; }
done
[ -x "$bin/containerd-shim-sealpod-v2" ] || { echo "SKIPPED: no shim in $bin"; exit 77; }
subnet=10.$((214 + $$ % 40)).$(($$ / 40 % 250))
export HOST_IN_GUEST=$subnet.1 HOST_LISTEN=0.0.0.0
# shellcheck source=tests/e2e/stack.sh
. tests/e2e/stack.sh
dir=$(mktemp -d /tmp/sealpod-confidential-XXXXXX)
bridge=sp$(($$ % 1000000))
loops=()
cleanup() {
	stack_down
	ip link delete "$bridge" 2>/dev/null || true
	for loop in "${loops[@]}"; do losetup --detach "$loop" 2>/dev/null || true; done
	rm -rf "$dir"
}
trap cleanup EXIT
ip link add "$bridge" type bridge
ip addr add "$HOST_IN_GUEST/24" dev "$bridge"
ip link set "$bridge" up
stack_up "$dir"

# The secret exists in the broker only; what Kubernetes has is a reference to it.
printf 'the secret of the tenant' >"$dir/secret"
"$SEALPOD" kbs resource set default/secret/app "$dir/secret" --dir "$KBS_DIR"
sed 's|"default/key/app"|"default/key/app", "default/key/data", "default/secret/app", "default/secret/next", "default/sealing/key"|' "$S/release-policy.toml" >"$S/release-secret.toml"
"$SEALPOD" kbs policy set "$S/release-secret.toml" --dir "$KBS_DIR"
"$SEALPOD" secret keygen "$dir/sealing"
"$SEALPOD" kbs resource set default/sealing/key "$dir/sealing.jwk" --dir "$KBS_DIR"
SEALED=$("$SEALPOD" secret seal --key "$dir/sealing.key" --kid kbs:///default/sealing/key kbs:///default/secret/app)
printf 'the next secret' >"$dir/next"
"$SEALPOD" kbs resource set default/secret/next "$dir/next" --dir "$KBS_DIR"
SEALED_NEW=$("$SEALPOD" secret seal --key "$dir/sealing.key" --kid kbs:///default/sealing/key kbs:///default/secret/next)

# Disks of the host: one for images, one for data whose key the broker has.
disk() { # MIB
	truncate -s "$1M" "$dir/disk-$1"
	losetup --find --show "$dir/disk-$1"
}
STORE=$(disk 700) || { echo "SKIPPED: no loop device"; exit 77; }
loops+=("$STORE")
DATA=$(disk 96)
loops+=("$DATA")
head -c 32 /dev/urandom >"$dir/data.key"
"$SEALPOD" kbs resource set default/key/data "$dir/data.key" --dir "$KBS_DIR"

# An image that half of the guest's 384 MiB has no room for.
BIG_MIB=200
cp -a "$S/rootfs" "$dir/big"
mkdir "$dir/big/big"
head -c "${BIG_MIB}M" /dev/zero | tr '\0' x >"$dir/big/big/file"
python3 tests/e2e/oci.py rootfs "$dir/big-layout" plain "$dir/big"
push_plain "oci:$dir/big-layout:plain" big:latest
sign_image big:latest
BIG_IMAGE=$GREG/big:latest
export STORE DATA BIG_MIB BIG_IMAGE SEALED_NEW
export S SEALPOD SEALED IMAGE KBS_DIR KBS_PORT HOST_IN_GUEST BRIDGE=$bridge SUBNET=$subnet.0/24
/usr/bin/python3 tests/e2e/engines/confidential.py
