#!/usr/bin/env bash
# sealpod initdata: the same document in all its forms, its digest and what platforms bind. Usage: initdata.sh BIN-DIR
set -euo pipefail

sealpod=$(realpath "$1")/sealpod
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "initdata.sh: $*" >&2; exit 1; }
refused() { # TEXT COMMAND...
	local want=$1 status=0
	shift
	"$@" >out 2>&1 || status=$?
	[ "$status" -ne 0 ] || fail "'$*' was not refused"
	grep -q -- "$want" out || { cat out >&2; fail "'$*' does not say '$want'"; }
}

openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out ca.pem -subj /CN=test -days 1 2>/dev/null
echo '{"version":1,"containers":[]}' >manifest.json
echo '{"default":[{"type":"reject"}]}' >policy.json
printf 'package agent_policy\n' >policy.rego
make() { "$sealpod" initdata make --kbs https://10.0.2.2:8080 --kbs-ca ca.pem --manifest manifest.json --image-policy policy.json \
	--registry-ca ca.pem --data policy.rego=policy.rego "$@"; }

make --output toml
make >toml2
cmp toml toml2
make --format image --output image
make --format annotation --output annotation
[ $(($(stat -c %s image) % 512)) -eq 0 ] || fail 'the image is not made of sectors'
[ "$(head -c 8 image)" = initdata ] || fail 'the image has no magic'

# The carriers can be opened with everybody's tools.
base64 -d annotation | gunzip | cmp - toml
tail -c +17 image | gunzip 2>/dev/null | cmp - toml

digest=$(sha256sum toml | cut -d' ' -f1)
for form in toml image annotation; do
	[ "$("$sealpod" initdata digest "$form")" = "$digest" ] || fail "digest of $form"
	"$sealpod" initdata show "$form" >"show-$form"
	cmp "show-$form" show-toml
done
[ "$("$sealpod" initdata digest - <toml)" = "$digest" ] || fail 'digest of standard input'
# shellcheck disable=SC2001
pcr8=$({ head -c 32 /dev/zero; printf '%b' "$(sed 's/../\\x&/g' <<<"$digest")"; } | sha256sum | cut -d' ' -f1)
grep -qx "PCR 8 *$pcr8" show-toml || fail 'PCR 8'
grep -qx "HOST_DATA *$digest" show-toml || fail 'HOST_DATA'
grep -qx "command line *sealpod.initdata=sha256:$digest" show-toml || fail 'command line'
"$sealpod" run --platform sev --print-append --initdata toml | grep -q " sealpod.initdata=sha256:$digest\$" || fail '--print-append'
grep -qx "MRCONFIGID *${digest}0\{32\}" show-toml || fail 'MRCONFIGID'
[ "$("$sealpod" initdata show --json toml | jq -r '.data["policy.rego"]')" = 'package agent_policy' ] || fail 'show --json'
[ "$("$sealpod" initdata digest --json toml | jq -r .digest)" = "$digest" ] || fail 'digest --json'

make --algorithm sha384 --output toml384
[ "$("$sealpod" initdata digest toml384)" = "$(sha384sum toml384 | cut -d' ' -f1)" ] || fail 'sha384'

echo '{' >broken.json
refused 'pod-manifest.json' "$sealpod" initdata make --manifest broken.json
refused 'NAME=FILE' "$sealpod" initdata make --data policy.rego
refused 'is there already' "$sealpod" initdata make --data a=policy.rego --data a=policy.rego
refused 'algorithm' "$sealpod" initdata digest - < <(sed 's/sha256/md5/' toml)
refused 'initdata' "$sealpod" initdata digest - < <(head -c 100 image)
refused 'FILE' "$sealpod" initdata digest
echo 'initdata.sh: ok'
