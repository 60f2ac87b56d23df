#!/usr/bin/env bash
# A confidential pod by Kubernetes' interface: containerd's CRI plugin, platform vtpm, an encrypted and signed image, a secret of the
# broker as variable and as file, and what a hostile host asks for instead. The broker, registry and CNI bridge are real.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${SEALPOD_BIN:-$PWD/build/release/bin}
for program in containerd ctr skopeo docker-registry swtpm; do
	command -v "$program" >/dev/null || { echo "SKIPPED: no $program"; exit 77; }
done
[ -x "$bin/containerd-shim-sealpod-v2" ] || { echo "SKIPPED: no shim in $bin"; exit 77; }
subnet=10.$((214 + $$ % 40)).$(($$ / 40 % 250))
export HOST_IN_GUEST=$subnet.1 HOST_LISTEN=0.0.0.0
# shellcheck source=tests/e2e/stack.sh
. tests/e2e/stack.sh
dir=$(mktemp -d /tmp/sealpod-confidential-XXXXXX)
bridge=sp$(($$ % 1000000))
trap 'stack_down; ip link delete "$bridge" 2>/dev/null || true; rm -rf "$dir"' EXIT
ip link add "$bridge" type bridge
ip addr add "$HOST_IN_GUEST/24" dev "$bridge"
ip link set "$bridge" up
stack_up "$dir"

# The secret exists in the broker only; what Kubernetes has is a reference to it.
printf 'the secret of the tenant' >"$dir/secret"
"$SEALPOD" kbs resource set default/secret/app "$dir/secret" --dir "$KBS_DIR"
sed 's|"default/key/app"|"default/key/app", "default/secret/app", "default/sealing/key"|' "$S/release-policy.toml" >"$S/release-secret.toml"
"$SEALPOD" kbs policy set "$S/release-secret.toml" --dir "$KBS_DIR"
"$SEALPOD" secret keygen "$dir/sealing"
"$SEALPOD" kbs resource set default/sealing/key "$dir/sealing.jwk" --dir "$KBS_DIR"
SEALED=$("$SEALPOD" secret seal --key "$dir/sealing.key" --kid kbs:///default/sealing/key kbs:///default/secret/app)
export S SEALPOD SEALED IMAGE KBS_DIR KBS_PORT HOST_IN_GUEST BRIDGE=$bridge SUBNET=$subnet.0/24
/usr/bin/python3 tests/e2e/engines/confidential.py
