#!/usr/bin/env bash
# What `sealpod measure vtpm` computes is what a real guest's TPM says: every event of its log, every register from 0 to 9,
# for three command lines, two sizes of memory and two numbers of processors.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/e2e/stack.sh
. tests/e2e/stack.sh
dir=$(mktemp -d /tmp/sealpod-measure-XXXXXX)
trap 'stack_down; rm -rf "$dir"' EXIT
stack_up "$dir" evidence

# Its only container prints the evidence that the guest would send.
push_plain "oci:$S/layout:plain" evidence:latest
sign_image evidence:latest
sed 's|"argv":\["/bin/hello"\]|"argv":["/bin/wget","-qO-","http://127.0.0.1:8006/aa/evidence?runtime_data=measure"]|g' \
	"$S/manifest.json" >"$S/manifest-evidence.json"
make_initdata "$S/initdata-evidence.toml" "https://$HOST_IN_GUEST:$KBS_PORT" "$KBS_DIR/tls-ca.pem" "$S/manifest-evidence.json"

passed=0
compare() { # NAME MEMORY CPUS MEASURE-OPTIONS... -- RUN-OPTIONS...
	local name=$1 memory=$2 cpus=$3 options=()
	shift 3
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	"$SEALPOD" run --quiet --memory "$memory" --cpus "$cpus" --initdata "$S/initdata-evidence.toml" "$@" "$GREG/evidence:latest" \
		</dev/null >"$S/evidence.json" 2>"$S/err" || die "$name: $(cat "$S/err")"
	"$SEALPOD" measure vtpm --memory "$memory" --vcpus "$cpus" --initdata "$S/initdata-evidence.toml" --explain --json "${options[@]}" >"$S/predicted.json"
	jq -r '.. | .event_log? // empty' "$S/evidence.json" | base64 -d >"$S/log"
	"$SEALPOD" inspect --json "$S/log" >"$S/log.json"
	python3 - "$name" "$S/predicted.json" "$S/log.json" "$S/evidence.json" <<-'PY' || die "$name: the boot is not what was predicted"
		import json, sys
		name, predicted, log, evidence = sys.argv[1], *(json.load(open(p)) for p in sys.argv[2:])
		want = [(s["pcr"], s["type"], s["contents"]) for s in predicted["steps"] if s["type"] != "EV_NO_ACTION"]
		got = []
		def walk(node):
		    if isinstance(node, dict):
		        title = str(node.get("name", ""))
		        if title.startswith("PCR "):
		            fields = {f["name"]: f["value"] for f in node["fields"]}
		            got.append((int(title.split()[1]), title.split()[2], fields["sha256"]))
		            return
		        node = list(node.values())
		    if isinstance(node, list):
		        for child in node:
		            walk(child)
		walk(log)
		quoted = evidence.get("tpm_quote", evidence.get("tpm", {}).get("tpm_quote", {}))["pcrs"]
		for i, (w, g) in enumerate(zip(want, got)):
		    if w != g:
		        sys.exit(f"{name}: event {i + 1} is {g}, predicted {w}")
		if len(want) != len(got):
		    sys.exit(f"{name}: {len(got)} events, predicted {len(want)}")
		for pcr in range(10):
		    if quoted[pcr] != predicted["values"][f"pcr{pcr}"]:
		        sys.exit(f"{name}: PCR {pcr} is {quoted[pcr]}, predicted {predicted['values'][f'pcr{pcr}']}")
		print(f"ok: {name}: {len(got)} events and 10 registers as predicted", file=sys.stderr)
	PY
	passed=$((passed + 1))
}

default=$("$SEALPOD" run --print-append)
compare 'shipped command line, 2048 MiB' 2048 1 --
compare 'debug command line, 2048 MiB, 2 processors' 2048 2 --debug -- --debug
compare 'own command line, 1024 MiB' 1024 1 --append "$default sealpod.test=1" -- --append "$default sealpod.test=1"
compare 'shipped command line, 1024 MiB' 1024 1 --
printf '%d passed, 0 failed\n' "$passed"
