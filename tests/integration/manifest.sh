#!/usr/bin/env bash
# Signed manifests and a real broker: what it imports, replaces, keeps for a while, refuses and records.
set -euo pipefail
bin=${SEALPOD_BIN:?}
dir=$(mktemp -d /tmp/sealpod-manifest-XXXXXX)
kbs=''
trap '[ -z "$kbs" ] || kill -9 "$kbs" 2>/dev/null; rm -rf "$dir"' EXIT
passed=0
ok() { passed=$((passed + 1)); echo "ok: $1"; }
die() { echo "FAILED: $*"; tail -5 "$dir/kbs.log" 2>/dev/null; exit 1; }
cd "$dir"

port=$((20000 + RANDOM % 20000))
"$bin/sealpod" kbs init kbs --host 127.0.0.1 --port "$port"
start() {
	"$bin/sealpod-kbs" --config kbs/kbs.toml 2>>kbs.log &
	kbs=$!
	for _ in $(seq 100); do
		curl -sf --cacert kbs/tls-ca.pem "https://127.0.0.1:$port/healthz" >/dev/null && return
		sleep 0.1
	done
	die 'broker does not start'
}
stop() {
	kill -TERM "$kbs"
	wait "$kbs"
}
start
rv() { "$bin/sealpod" kbs reference-values "$@"; }
admin() { rv "$@" --dir kbs; }
refused() { # WHAT CODE ARGS...
	local what=$1 code=$2
	shift 2
	if admin "$@" 2>err; then die "$what: taken"; fi
	grep -q -- "$code" err || die "$what: wanted $code in: $(cat err)"
	ok "$what"
}
value() { [ "$(admin get "$1")" = "$2" ] || die "$1: wanted $2, got $(admin get "$1")"; }
lacks() { if admin get "$1" 2>/dev/null | grep -q "$2"; then die "$1 has $2"; fi; }

for name in ours theirs; do
	openssl genpkey -algorithm ed25519 -out $name.key 2>/dev/null
	openssl pkey -in $name.key -pubout -out $name.pub
done
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.key 2>/dev/null
openssl pkey -in p384.key -pubout -out p384.pub
manifest() { # FILE VERSION KERNEL
	cat >"$1" <<-END
		{"version":1,"image":{"name":"guest","version":$2},
		 "reference_values":{"vtpm.kernel":["$3"],"vtpm.cmdline":["aa01"],"snp_launch_measurement":["bb01","bb02"]},
		 "labels":{"snp_launch_measurement":{"bb01":"1 x EPYC-Milan","bb02":"2 x EPYC-Milan"}},
		 "inputs":{"kernel":{"text":"6.12","sha256":"$(printf '0%.0s' $(seq 64))"}},
		 "debug_variant":{"reference_values":{"vtpm.cmdline":["aad0"]},"labels":{},"inputs":{}}}
	END
}
manifest one.json 1 0101
manifest two.json 2 0202
rv sign one.json --key ours.key --corim one.corim
rv sign two.json --key p384.key --corim two.corim

# ---- who signed ----
cp one.json unsigned.json
refused 'unsigned' reference.signature-missing import unsigned.json --key ours.pub
refused 'signed by another' reference.signature-wrong import one.json --key theirs.pub
refused 'CoRIM signed by another' reference.signature-wrong import one.corim --key theirs.pub
sed 's/0101/0102/' one.json >changed.json
refused 'changed after signing' reference.signature-wrong import changed.json --key ours.pub --signature one.json.sig
refused 'another type of key' reference.signature-wrong import one.json --key p384.pub
openssl pkey -in kbs/ear.key -pubout -out p256.pub
refused 'a signature that is none' reference.signature-wrong import one.json --key ours.pub --signature unsigned.json
[ "$(admin list)" = '' ] || die "something is in force: $(admin list)"
openssl pkeyutl -verify -pubin -inkey ours.pub -rawin -in one.json -sigfile one.json.sig >/dev/null || die 'openssl disagrees with the signature'
ok 'signatures are those of openssl'
if rv sign kbs/kbs.toml --key ours.key 2>/dev/null; then die 'signed what is no manifest'; fi

# ---- what it brings ----
admin add vtpm.kernel 0a0a
admin import one.json --key ours.pub >out
grep -q '^guest version 1 imported' out || die "import: $(cat out)"
value vtpm.kernel '["0a0a","0101"]'
value snp_launch_measurement '["bb01","bb02"]'
value vtpm.cmdline '["aa01"]'
ok 'imported beside what was added by hand, without the debug variant'
admin import one.json --key ours.pub | grep -q 'nothing to change' || die 'import twice'
admin import one.corim --key ours.pub | grep -q 'replaces version 1' || die 'import of the other form'
value snp_launch_measurement '["bb01","bb02"]'
admin import one.json --key ours.pub --debug-variant | grep -q 'with its debug variant' || die 'debug variant'
value vtpm.cmdline '["aa01","aad0"]'
admin list --json | jq -e '.[0] | .name == "guest" and .version == 1 and .debug_variant' >/dev/null || die 'list'
admin show guest | jq -e '.manifest.labels.snp_launch_measurement.bb02 == "2 x EPYC-Milan"' >/dev/null || die 'show'
ok 'the same once more changes nothing; the debug variant comes when asked for'

# ---- versions ----
admin import two.corim --key p384.pub --overlap 10 | grep -q 'version 2 replaces version 1' || die 'replace'
lacks vtpm.cmdline aad0
value vtpm.kernel '["0a0a","0202","0101"]'
refused 'an older version' reference.rollback import one.json --key ours.pub
stop
start
value vtpm.kernel '["0a0a","0202","0101"]'
ok 'both versions for a while, across a restart'
for _ in $(seq 200); do
	[ "$(admin get vtpm.kernel)" = '["0a0a","0202"]' ] && break
	sleep 0.1
done
value vtpm.kernel '["0a0a","0202"]'
ok 'then only the new one'
admin delete vtpm.kernel
value vtpm.kernel '["0202"]'
admin remove guest
value vtpm.kernel '[]'
lacks snp_launch_measurement bb01
refused 'removed twice' 'no manifest of image guest' remove guest
ok 'removed whole'

# ---- the message of Trustee ----
printf '{"version":"0.1.0","type":"sample","payload":"%s"}' "$(printf '{"mr_td":["cc01"],"rtmr_1":"cc02"}' | base64 -w0)" >trustee.json
rv sign trustee.json --key ours.key
refused 'a message without a name' 'has no name' import trustee.json --key ours.pub
admin import trustee.json --key ours.pub --name theirs
value mr_td '["cc01"]'
value rtmr_1 '["cc02"]'
admin remove theirs
ok "Trustee's form"

# ---- what a publisher may not approve ----
printf '{"version":"0.1.0","type":"sample","payload":"%s"}' "$(printf '{"initdata":["cc01"]}' | base64 -w0)" >initdata.json
openssl pkeyutl -sign -inkey ours.key -rawin -in initdata.json -out initdata.json.sig
refused 'initdata by the publisher of an image' "pod's owner" import initdata.json --key ours.pub --name theirs

# ---- signers of the configuration ----
stop
printf '\n[reference_values]\nsigners = ["%s/ours.pub"]\n' "$dir" >>kbs/kbs.toml
start
refused 'a signer that is not configured' reference.signer-unknown import two.json --key p384.pub
admin import one.json --key ours.pub >/dev/null
ok 'a signer that is'

# ---- the record of all this ----
jq -es 'map(select(.path == "/kbs/v0/reference-manifest" and .method == "POST"))
	| (map(select(.decision == "allowed" and .claims.image == "guest")) | length == 6 and all(.[]; .claims.signer | length == 64))
	and (map(select(.code == "reference.signature-wrong")) | length == 5)
	and (map(select(.code == "reference.rollback")) | length == 1)' kbs/audit.log >/dev/null ||
	die "audit log: $(jq -c 'select(.path == "/kbs/v0/reference-manifest")' kbs/audit.log)"
ok 'each import is in the audit log with image, version and signer, each refusal with its reason'
printf '%d passed, 0 failed\n' "$passed"
