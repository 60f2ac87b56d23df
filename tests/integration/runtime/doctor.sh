#!/usr/bin/env bash
# sealpod doctor on this host, whatever it is, and sealpod run on every platform that it says cannot start here.
set -euo pipefail
bin=${SEALPOD_BIN:?}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
fail() { echo "FAILED: $*" >&2; exit 1; }

status=0
timeout 60 "$bin/sealpod" doctor --offline >table || status=$?
[ "$status" -le 1 ] || fail "doctor ended with $status"
grep -q $'\033' table && fail 'colours go to a file'
for word in tdx: snp: sev: sev-es: se: vtpm: none: services 'container engines'; do
	grep -q "^$word" table || fail "the table has no '$word'"
done
# Every line that is missing is followed by what to do.
awk '/^  (missing|warning) / {if (want) exit 1; want = 1; next} /^ +-> / {want = 0; next} {if (want) exit 1}' table ||
	fail 'a line without its fix'

timeout 60 "$bin/sealpod" doctor --offline --json >all.json || [ $? = "$status" ] || fail 'two exit statuses'
[ "$(jq .can_run all.json)" = "$([ "$status" = 0 ] && echo true || echo false)" ] || fail 'JSON disagrees'
[ "$(jq '.platforms | length' all.json)" = 7 ] || fail 'platforms in JSON'
jq -e '[.. | objects | select(.status == "missing" or .status == "warning") | .fix | length > 0] | all' all.json >/dev/null ||
	fail 'a row without its fix in JSON'

for platform in tdx snp sev sev-es se vtpm none; do
	want=$(jq -r ".platforms[] | select(.platform == \"$platform\") | .can_run" all.json)
	status=0
	timeout 60 "$bin/sealpod" doctor --offline --platform "$platform" >one || status=$?
	[ "$status" = "$([ "$want" = true ] && echo 0 || echo 1)" ] || fail "--platform $platform: exit status $status"
	[ "$(grep -c ': can' one)" = 1 ] || fail "--platform $platform shows others"
	case $platform in vtpm | none) continue ;; esac
	[ "$want" = false ] || continue
	status=0
	timeout 20 "$bin/sealpod" run --platform "$platform" --run-dir "$dir/run" --state-dir "$dir/state" registry.invalid/x \
		>out 2>error || status=$?
	[ "$status" = 2 ] || fail "run --platform $platform: exit status $status"
	grep -q "platform $platform cannot start on this host: .*To do: .*sealpod doctor --platform $platform" error ||
		fail "run --platform $platform: $(cat error)"
	[ ! -e "$dir/run" ] || [ -z "$(ls "$dir/run")" ] || fail "run --platform $platform left $(ls "$dir/run")"
done
timeout 20 "$bin/sealpod" doctor --platform sgx 2>error && fail 'an unknown platform'
grep -q platform error || fail 'an unknown platform is not named'
echo "doctor: $(jq -r '[.platforms[] | select(.can_run) | .platform] | join(", ")' all.json) can run here"
