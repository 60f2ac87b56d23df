#!/usr/bin/env bash
# One bent attestation against a running broker, with a software TPM of its own. Usage: attacker.sh MODE STACK-DIR KBS-URL CA-FILE
# MODE: none (must succeed), replay, other-key, other-tpm, short-log, edited-log, late-initdata
set -euo pipefail
mode=$1 stack=$2 url=$3 ca=$4
here=$(cd "$(dirname "$0")" && pwd)
bin=${SEALPOD_BIN:-$here/../../build/release/bin}
dir=$(mktemp -d /tmp/sealpod-attacker-XXXXXX)
tpm=''
trap '[ -z "$tpm" ] || kill "$tpm" 2>/dev/null; rm -rf "$dir"' EXIT

# The authority of this host's software TPMs, or for other-tpm one that nobody trusts.
authority=/var/lib/sealpod/tpm-ca
if [ "$mode" = other-tpm ]; then
	authority=$dir/authority
	"$bin/sealpod" pod tpm-ca --state-dir "$dir/state" >/dev/null
	authority=$dir/state/tpm-ca
fi
mkdir "$dir/tpm"
swtpm_setup --tpm2 --tpmstate "$dir/tpm" --create-ek-cert --config "$authority/swtpm_setup.conf" --pcr-banks sha256 >"$dir/setup.log" 2>&1 ||
	{ cat "$dir/setup.log"; exit 2; }
port=$((20000 + RANDOM % 20000))
swtpm socket --tpm2 --tpmstate "dir=$dir/tpm" --flags startup-clear,not-need-init \
	--server "type=tcp,port=$port" --ctrl "type=tcp,port=$((port + 1))" >"$dir/swtpm.log" 2>&1 &
tpm=$!
for _ in $(seq 50); do
	(exec 3<>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null && break
	sleep 0.1
done
mkdir -p "$dir/root/sys/kernel/security/tpm0"
cp "$stack/event-log.bin" "$dir/root/sys/kernel/security/tpm0/binary_bios_measurements"
"$bin/e2e_attacker" "$mode" "$url" "$ca" "swtpm:host=127.0.0.1,port=$port" "$dir/root" "$stack/initdata.toml" "$stack/initdata-sleep.toml"
