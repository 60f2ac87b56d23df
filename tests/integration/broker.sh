#!/usr/bin/env bash
# A real broker over HTTPS: its administration, what it answers to nonsense, and kill -9 during writes.
set -euo pipefail
bin=${SEALPOD_BIN:?}
dir=$(mktemp -d /tmp/sealpod-broker-XXXXXX)
kbs=''
trap '[ -z "$kbs" ] || kill -9 "$kbs" 2>/dev/null; rm -rf "$dir"' EXIT
passed=0
ok() { passed=$((passed + 1)); echo "ok: $1"; }
die() { echo "FAILED: $*"; tail -5 "$dir/kbs.log" 2>/dev/null; exit 1; }

port=$((20000 + RANDOM % 20000))
"$bin/sealpod" kbs init "$dir/kbs" --host 127.0.0.1 --port "$port"
ca=$dir/kbs/tls-ca.pem
url=https://127.0.0.1:$port
start() {
	"$bin/sealpod-kbs" --config "$dir/kbs/kbs.toml" 2>>"$dir/kbs.log" &
	kbs=$!
	for _ in $(seq 100); do
		curl -sf --cacert "$ca" "$url/healthz" >/dev/null && return
		sleep 0.1
	done
	die 'broker does not start'
}
start
call() { curl -s --path-as-is --cacert "$ca" "$@"; }
admin() { "$bin/sealpod" kbs "$@" --dir "$dir/kbs"; }
answers() { # WHAT STATUS CODE CURL-ARGS...
	local what=$1 status=$2 code=$3 got
	shift 3
	got=$(call -w '\n%{http_code}' "$@")
	[ "$(tail -1 <<<"$got")" = "$status" ] || die "$what: wanted $status, got: $got"
	grep -q "$code" <<<"$got" || die "$what: wanted $code in: $got"
	ok "$what"
}

# ---- administration ----
"$bin/sealpod" kbs init "$dir/kbs" 2>/dev/null && die 'init overwrote a broker'
ok 'init does not overwrite'
echo value >"$dir/value"
admin resource set default/key/one "$dir/value"
admin resource set default/key/two "$dir/value"
[ "$(admin resource list | tr '\n' ' ')" = 'default/key/one default/key/two ' ] || die 'list'
admin resource delete default/key/one
[ "$(admin resource list)" = default/key/two ] || die 'list after delete'
admin resource delete default/key/one 2>/dev/null && die 'deleted twice'
ok 'resources are set, listed, deleted'
printf 'version = 1\n[[rule]]\nresources = ["a/b/c"]\nplatforms = ["vtpm"]\n' >"$dir/policy"
admin policy set "$dir/policy"
[ "$(admin policy get)" = "$(cat "$dir/policy")" ] || die 'policy'
printf 'version = 1\n[[rule]]\nresources = ["a/b/c"]\n' >"$dir/bad-policy"
admin policy set "$dir/bad-policy" 2>"$dir/err" && die 'bad policy taken'
grep -q platforms "$dir/err" || die "bad policy: $(cat "$dir/err")"
[ "$(admin policy get)" = "$(cat "$dir/policy")" ] || die 'policy half-applied'
ok 'policy is replaced whole or not at all'
admin reference add initdata aa bb
admin reference add initdata cc
[ "$(admin reference get initdata)" = '["aa","bb","cc"]' ] || die "reference: $(admin reference get initdata)"
admin reference delete initdata
[ "$(admin reference get initdata)" = '[]' ] || die 'reference delete'
ok 'reference values are added and deleted'

# ---- who may ----
openssl genpkey -algorithm ed25519 -out "$dir/other.key" 2>/dev/null
other=$("$bin/sealpod" kbs token --admin-key "$dir/other.key")
right=$("$bin/sealpod" kbs token --admin-key "$dir/kbs/admin.key")
none=$(printf '%s' '{"alg":"none"}' | base64 | tr -d '=').$(cut -d. -f2 <<<"$right").
resource=$url/kbs/v0/resource/default/key/two
answers 'admin without token' 401 admin.no-token -X POST -d x "$resource"
answers 'admin with basic auth' 401 admin.no-token -u a:b -X POST -d x "$resource"
answers 'admin with another key' 401 admin.signature -H "Authorization: Bearer $other" -X DELETE "$resource"
answers 'admin with alg none' 401 admin. -H "Authorization: Bearer $none" -X DELETE "$resource"
answers 'admin with a bent token' 401 admin. -H "Authorization: Bearer ${right%?????}AAAAA" -X DELETE "$resource"
answers 'list without token' 401 admin.no-token "$url/kbs/v0/resource"
answers 'policy without token' 401 admin.no-token "$url/kbs/v0/resource-policy"
answers 'guest without session' 401 TokenNotFound "$resource"
answers 'guest with an admin token' 401 kbs.token-signature -H "Authorization: Bearer $right" "$resource"

# ---- nonsense ----
auth=$url/kbs/v0/auth
answers 'empty request' 400 kbs. -X POST "$auth"
answers 'not JSON' 400 kbs. -X POST -d '<xml/>' "$auth"
answers 'wrong version' 401 kbs.protocol-version -X POST -d '{"version":"0.1.1","tee":"tpm","extra-params":""}' "$auth"
answers 'unknown TEE' 401 kbs.tee-unsupported -X POST -d '{"version":"0.4.0","tee":"pdp11","extra-params":""}' "$auth"
answers 'lacks a member' 400 extra-params -X POST -d '{"version":"0.4.0","tee":"tpm"}' "$auth"
answers 'doubled member' 400 kbs. -X POST -d '{"version":"0.4.0","version":"0.4.0","tee":"tpm","extra-params":""}' "$auth"
answers 'attest without session' 401 kbs.no-session -X POST -d '{}' "$url/kbs/v0/attest"
answers 'GET of auth' 404 kbs. "$auth"
answers 'unknown endpoint' 404 PluginNotFound "$url/kbs/v0/nothing"
answers 'outside the API' 404 InvalidRequestPath "$url/etc/passwd"
answers 'path traversal' 400 kbs.resource-path "$url/kbs/v0/resource/../../etc/passwd"
answers 'encoded traversal' 400 kbs.resource-path "$url/kbs/v0/resource/a/%2e%2e/c"
answers 'two segments' 400 kbs.resource-path "$url/kbs/v0/resource/a/b"
head -c 3000000 /dev/zero >"$dir/big"
status=$(call -o /dev/null -w '%{http_code}' -X POST --data-binary "@$dir/big" "$auth")
[ "$status" = 413 ] || die "big body: $status"
ok 'a body over the limit is 413'
answers 'sessions start' 200 nonce -X POST -d '{"version":"0.4.0","tee":"tpm","extra-params":""}' "$auth"
jq -es 'map(select(.decision == "refused")) | length > 10 and all(.[]; .request_id | startswith("req-"))' "$dir/kbs/audit.log" >/dev/null || die 'audit log'
ok 'every refusal is in the audit log with its id'

# ---- confined ----
status=$(cat "/proc/$kbs/status")
for want in 'Seccomp:.2' 'NoNewPrivs:.1' 'CapEff:.0000000000000000' 'CapBnd:.0000000000000000'; do
	grep -qP "$want" <<<"$status" || die "the broker's process has not $want: $(grep -E 'Seccomp|NoNewPrivs|Cap' <<<"$status")"
done
ok 'no capability, no new privileges, an allow-list of system calls'
kill -TERM "$kbs"
code=0
wait "$kbs" || code=$?
[ "$code" = 0 ] || die "SIGTERM ends with $code"
start
ok 'SIGTERM ends it with 0'

# ---- kill -9 at random moments of writing: what was acknowledged stays ----
kills=${KILLS:-50}
for i in $(seq "$kills"); do
	(
		for j in $(seq 200); do
			call -f -X POST -H "Authorization: Bearer $right" --data-binary "$i-$j" "$url/kbs/v0/resource/kill/r$i/v$j" >/dev/null || exit 0
			echo "kill/r$i/v$j" >>"$dir/acknowledged"
		done
	) &
	writer=$!
	sleep "0.$((RANDOM % 25 + 5))"
	kill -9 "$kbs"
	wait "$kbs" 2>/dev/null || true
	wait "$writer" 2>/dev/null || true
	start
done
admin resource list | sort >"$dir/stored"
missing=$(sort "$dir/acknowledged" | comm -23 - "$dir/stored")
[ -z "$missing" ] || die "acknowledged writes lost: $missing"
ok "$kills kills, $(wc -l <"$dir/acknowledged") acknowledged writes, none lost"
printf '%d passed, 0 failed\n' "$passed"
