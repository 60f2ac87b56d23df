#!/usr/bin/env bash
# The main job: encrypted and signed images, made by our tool and by stock skopeo, run in a real guest.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/e2e/stack.sh
. tests/e2e/stack.sh
dir=$(mktemp -d /tmp/sealpod-run-XXXXXX)
trap 'stack_down; rm -rf "$dir"' EXIT
stack_up "$dir" skopeo

passed=0
expect() { # WHAT GOT WANTED
	[[ $2 == *"$3"* ]] || die "$1: wanted '$3' in: $2"
	passed=$((passed + 1))
	say "ok: $1"
}

out=$("$SEALPOD" run --name e2e-run --initdata "$INITDATA" "$IMAGE" </dev/null 2>"$dir/err") || die "run failed: $(cat "$dir/err")"
expect 'encrypted by sealpod image encrypt' "$out" 'This text was encrypted when it left the build machine.'

timeline=$("$SEALPOD" pod timeline e2e-run)
for stage in launch firmware kernel agent evidence broker pull start; do
	expect "timeline has $stage" "$timeline" "$stage"
done

# Stock skopeo asks our key provider for the wrapped key.
skopeo=$(tools/stock-skopeo)
cat >"$dir/ocicrypt.json" <<-JSON
	{"key-providers":{"attestation-agent":{"cmd":{"path":"$SEALPOD","args":["image","keyprovider"]}}}}
JSON
OCICRYPT_KEYPROVIDER_CONFIG=$dir/ocicrypt.json "$skopeo" copy -q --insecure-policy --dest-cert-dir "$S/certs" \
	--encryption-key "provider:attestation-agent:keypath=$S/image.key::keyid=kbs:///default/key/app::algorithm=A256GCM" \
	"oci:$S/layout:plain" "docker://$REG/skopeo:latest"
sign_image skopeo:latest
out=$("$SEALPOD" run --initdata "$INITDATA" "$GREG/skopeo:latest" </dev/null 2>"$dir/err") || die "run failed: $(cat "$dir/err")"
expect 'encrypted by skopeo through our key provider' "$out" 'This text was encrypted when it left the build machine.'

claims=$(jq -c 'select(.claims != null) | .claims' "$KBS_DIR/audit.log" | tail -1)
expect 'the broker accepted a simulated platform, and says so' "$claims" '"simulated":true'
expect 'the key left with a record' "$(tail -1 "$KBS_DIR/audit.log")" '/kbs/v0/resource/default/key/app'
# Passport: what a guest's token opens can be fetched with it from elsewhere; without it, or bent, not.
sed 's|"argv":\["/bin/hello"\]|"argv":["/bin/wget","-qO-","http://127.0.0.1:8006/aa/token?token_type=kbs"]|' "$S/manifest.json" >"$S/manifest-token.json"
make_initdata "$S/initdata-token.toml" "https://$HOST_IN_GUEST:$KBS_PORT" "$KBS_DIR/tls-ca.pem" "$S/manifest-token.json"
"$SEALPOD" kbs reference add initdata "$("$SEALPOD" initdata digest "$S/initdata-token.toml")" --dir "$KBS_DIR"
"$SEALPOD" run --quiet --initdata "$S/initdata-token.toml" "$IMAGE" </dev/null >"$S/token.json" || die 'no token'
"$SEALPOD" kbs resource get default/key/app --dir "$KBS_DIR" --token "$S/token.json" >"$S/fetched.key" || die 'the token does not open the key'
cmp -s "$S/fetched.key" "$S/image.key" || die 'the fetched key is another'
expect 'a guest token fetches the resource from elsewhere' same same
out=$("$SEALPOD" kbs resource get default/key/other --dir "$KBS_DIR" --token "$S/token.json" 2>&1) && die 'no rule, yet an answer'
expect 'the release policy binds the token too' "$out" policy.no-rule
jq -c '.token |= (.[0:-6] + "AAAAAA")' "$S/token.json" >"$S/bent.json"
out=$("$SEALPOD" kbs resource get default/key/app --dir "$KBS_DIR" --token "$S/bent.json" 2>&1) && die 'a bent token was taken'
expect 'a bent token is refused' "$out" kbs.token-signature
printf '%d passed, 0 failed\n' "$passed"
