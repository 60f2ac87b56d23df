#!/usr/bin/env bash
# Attacks on a running stack. Each must be refused by the right party with the right code; one that gets through fails.
# Usage: attacks.sh [--table] [ID...]      --table: print attack, who refused it, code and reason
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/e2e/stack.sh
. tests/e2e/stack.sh

table=0
[ "${1:-}" != --table ] || { table=1; shift; }
only=" $* "
dir=$(mktemp -d /tmp/sealpod-attacks-XXXXXX)
trap 'stack_down; rm -rf "$dir"' EXIT

image_attacks=(unsigned otherkey swapped flipped diffid dotdot absolute symlink bomb entries)
stack_up "$dir" "${image_attacks[@]}"
ca=$KBS_DIR/tls-ca.pem
broker=https://127.0.0.1:$KBS_PORT

# ---- how an attack is run: it prints what it saw; the code must be in there ----
guest() { # ARGS...: sealpod run, which must fail
	if "$SEALPOD" run "$@" </dev/null 2>&1; then
		echo 'NOT REFUSED: the guest ran'
	fi
}
good_guest() { guest --initdata "$INITDATA" "$@"; }
attacker() { # MODE: evidence made with a TPM of the right CA, then bent
	tests/e2e/attacker.sh "$1" "$S" "$broker" "$ca" 2>&1
}
call() { curl -s --path-as-is --cacert "$ca" "$@"; }

# ---- images ----
layout() { python3 tests/e2e/oci.py "$1" "$S/layout-$2" "$2" "$S/rootfs"; }
hostile() { # KIND NAME: a hostile image, properly signed
	layout "$1" "$2" && push_plain "oci:$S/layout-$2:$2" "$2:latest" && sign_image "$2:latest" && good_guest "$GREG/$2:latest"
}
manifest_digest() { call -H 'Accept: application/vnd.oci.image.manifest.v1+json' "https://$REG/v2/$1/manifests/latest" | sha256sum | cut -d' ' -f1; }
blob_file() { echo "$S/registry/docker/registry/v2/blobs/sha256/${1:0:2}/$1/data"; }

a_unsigned() { push_plain "oci:$S/layout:plain" unsigned:latest && good_guest "$GREG/unsigned:latest"; }
a_otherkey() {
	"$SEALPOD" image keygen --signing "$S/rogue" >/dev/null
	push_plain "oci:$S/layout:plain" otherkey:latest && sign_image otherkey:latest "$S/rogue.key" && good_guest "$GREG/otherkey:latest"
}
a_swapped() { # the registry answers with another manifest under the signed digest
	# An image of its own: the registry keeps equal images once, and another attack needs that one whole.
	cp -a "$S/rootfs" "$S/rootfs-swapped" && echo swapped >"$S/rootfs-swapped/etc/swapped"
	python3 tests/e2e/oci.py rootfs "$S/layout-swapped" swapped "$S/rootfs-swapped" && push_plain "oci:$S/layout-swapped:swapped" swapped:latest && sign_image swapped:latest
	local file
	file=$(blob_file "$(manifest_digest swapped)")
	sed -i 's/"schemaVersion": 2/"schemaVersion":  2/' "$file"
	good_guest "$GREG/swapped:latest"
}
a_flipped() { # one byte of an encrypted layer
	"$SEALPOD" image encrypt --key "$S/image.key" --key-id kbs:///default/key/app --ca "$ca" "oci:$S/layout:plain" "docker://$REG/flipped:latest" >/dev/null
	sign_image flipped:latest
	local digest
	digest=$(call -H 'Accept: application/vnd.oci.image.manifest.v1+json' "https://$REG/v2/flipped/manifests/latest" | jq -r '.layers[0].digest')
	printf '\377' | dd of="$(blob_file "${digest#sha256:}")" bs=1 seek=1000 conv=notrunc status=none
	good_guest "$GREG/flipped:latest"
}
a_diffid() { hostile diff-id diffid; }
a_dotdot() { hostile dotdot dotdot; }
a_absolute() { hostile absolute absolute; }
a_symlink() { hostile symlink symlink; }
a_bomb() { hostile bomb bomb; }
a_entries() {
	layout rootfs entries && push_plain "oci:$S/layout-entries:entries" entries:latest
	call -H 'Accept: application/vnd.oci.image.manifest.v1+json' "https://$REG/v2/entries/manifests/latest" |
		jq -c '.layers = [range(10000) as $i | .layers[0]]' >"$S/entries.json"
	call -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$S/entries.json" "https://$REG/v2/entries/manifests/latest" >/dev/null
	sign_image entries:latest && good_guest "$GREG/entries:latest"
}

# ---- launch ----
a_cmdline() { good_guest --append "$("$SEALPOD" run --print-append) sealpod.backdoor=1" "$IMAGE"; }
a_initrd() {
	local more=$S/more
	mkdir -p "$more/etc" && echo evil >"$more/etc/evil"
	{ cat "$GUEST/initrd"; (cd "$more" && find . | cpio -o -H newc --quiet); } >"$S/initrd-evil"
	good_guest --initrd "$S/initrd-evil" "$IMAGE"
}
a_kernel() {
	cp "$GUEST/vmlinuz" "$S/vmlinuz-evil"
	printf 'evilevil' >>"$S/vmlinuz-evil"
	good_guest --kernel "$S/vmlinuz-evil" "$IMAGE"
}
a_initdata() { # another manifest: what runs is not what the tenant approved
	sed 's/"exec":\[\[/"exec":[["\/bin\/sh"],[/' "$S/manifest.json" >"$S/manifest-evil.json"
	make_initdata "$S/initdata-evil.toml" "https://$HOST_IN_GUEST:$KBS_PORT" "$ca" "$S/manifest-evil.json"
	guest --initdata "$S/initdata-evil.toml" "$IMAGE"
}
a_url() { # a broker of the attacker at another address: its certificate is not of the tenant's CA
	make_initdata "$S/initdata-url.toml" "https://$HOST_IN_GUEST:$(cat "$S/rogue-port")" "$ca"
	guest --initdata "$S/initdata-url.toml" "$IMAGE"
}
a_ca() { # the tenant's broker, but trusted through the attacker's CA
	make_initdata "$S/initdata-ca.toml" "https://$HOST_IN_GUEST:$KBS_PORT" "$S/rogue-kbs/tls-ca.pem"
	guest --initdata "$S/initdata-ca.toml" "$IMAGE"
}
a_argv() { good_guest "$IMAGE" -- /bin/sh -c 'cat /etc/secret.txt'; }
a_exec() {
	local id=exec-$$ out
	"$SEALPOD" run --name "$id" --initdata "$S/initdata-sleep.toml" "$IMAGE" -- /bin/sleep 60 >/dev/null 2>&1 </dev/null &
	local pid=$!
	wait_for 180 "$SEALPOD" pod exec "$id" -- /bin/id || { echo 'the allowed exec did not work'; kill "$pid"; return; }
	out=$("$SEALPOD" pod exec "$id" -- /bin/cat /etc/secret.txt 2>&1) && out="NOT REFUSED: $out"
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null || true
	echo "$out"
}

# ---- broker ----
a_replay() { attacker replay; }
a_otherguest() { attacker other-key; }
a_othertpm() { attacker other-tpm; }
a_shortlog() { attacker short-log; }
a_editedlog() { attacker edited-log; }
a_bounddigest() { # where the measured command line binds initdata (SEV, SE), the guest compares before it starts anything
	local other
	other=$(printf '%064d' 0)
	good_guest --platform none --append "$("$SEALPOD" run --print-append) sealpod.initdata=sha256:$other" "$IMAGE"
}
a_lateinitdata() { attacker late-initdata; }
a_notoken() { call -X POST --data-binary evil "$broker/kbs/v0/resource/default/key/app"; }
a_wrongtoken() {
	local token
	openssl genpkey -algorithm ed25519 -out "$S/evil.key" 2>/dev/null
	token=$("$SEALPOD" kbs token --admin-key "$S/evil.key")
	call -X POST -H "Authorization: Bearer $token" --data-binary evil "$broker/kbs/v0/resource/default/key/app"
}
a_traversal() { call "$broker/kbs/v0/resource/../../../etc/passwd"; }

# id | what is done | who must refuse | code (extended regular expression)
attacks='
cmdline|kernel command line changed|broker|vtpm\.cmdline-unknown
initrd|initrd changed|broker|vtpm\.(initrd|kernel)-unknown
kernel|another kernel|broker|vtpm\.kernel-unknown
initdata|initdata with another pod manifest|broker|initdata\.unknown
bounddigest|initdata other than its command line says|guest|initdata\.mismatch
lateinitdata|initdata changed after it was bound|broker|vtpm\.initdata-mismatch
url|broker address swapped in initdata|guest|tls\.certificate
ca|broker CA swapped in initdata|guest|tls\.certificate
replay|evidence of an older nonce replayed|broker|(kbs|vtpm)\.nonce-mismatch|vtpm\.activation
otherguest|evidence with another guest'"'"'s key|broker|vtpm\.(nonce-mismatch|activation)
othertpm|quote of another TPM|broker|vtpm\.ek-untrusted
shortlog|event log cut|broker|vtpm\.event-log
editedlog|event log edited|broker|vtpm\.event-log
unsigned|unsigned image|guest|image\.unsigned
otherkey|image signed by another key|guest|image\.signature
swapped|manifest swapped at the registry|guest|image\.manifest-digest
flipped|one byte of an encrypted layer flipped|guest|image\.layer-(digest|hmac)
diffid|layer with a wrong diff-id|guest|image\.diff-id
argv|argv not in the pod manifest|guest|manifest\.argv
exec|exec not in the pod manifest|guest|manifest\.exec
notoken|admin call without token|broker|admin\.no-token
wrongtoken|admin call with another key'"'"'s token|broker|admin\.signature
traversal|resource path traversal|broker|kbs\.
dotdot|layer tar with ../|guest|image\.tar-path
absolute|layer tar with an absolute name|guest|image\.tar-path
symlink|layer tar that writes through a link|guest|image\.tar-path
bomb|decompression bomb|guest|image\.bomb
entries|manifest of 10,000 layers|guest|image\.(manifest-limit|layer-count)
'

prepare() {
	local port
	port=$(free_port)
	echo "$port" >"$S/rogue-port"
	stack_broker "$S/rogue-kbs" "$port"
	sed 's|"image":"\([^"]*\)/app:latest","argv":\["/bin/hello"\]|"image":"\1/app:latest","argv":["/bin/sleep","60"]|' "$S/manifest.json" >"$S/manifest-sleep.json"
	make_initdata "$S/initdata-sleep.toml" "https://$HOST_IN_GUEST:$KBS_PORT" "$ca" "$S/manifest-sleep.json"
	"$SEALPOD" kbs reference add initdata "$("$SEALPOD" initdata digest "$S/initdata-sleep.toml")" --dir "$KBS_DIR"
	# What a guest's firmware measures is no secret: a container asks for evidence and prints it. An attacker with a
	# software TPM of its own can then extend the same values.
	sed 's|"image":"\([^"]*\)/app:latest","argv":\["/bin/hello"\]|"image":"\1/app:latest","argv":["/bin/wget","-qO-","http://127.0.0.1:8006/aa/evidence?runtime_data=probe"]|' \
		"$S/manifest.json" >"$S/manifest-probe.json"
	make_initdata "$S/initdata-probe.toml" "https://$HOST_IN_GUEST:$KBS_PORT" "$ca" "$S/manifest-probe.json"
	"$SEALPOD" kbs reference add initdata "$("$SEALPOD" initdata digest "$S/initdata-probe.toml")" --dir "$KBS_DIR"
	"$SEALPOD" run --quiet --initdata "$S/initdata-probe.toml" "$IMAGE" </dev/null | jq -r .event_log | base64 -d >"$S/event-log.bin"
	attacker none >"$S/out-baseline" || die "an honest attestation fails: $(cat "$S/out-baseline")"
}

run_one() { # ID
	"a_$1" >"$S/out-$1" 2>&1 || true
}

judge() { # ID WHAT WHO CODE
	local out=$S/out-$1 found reason
	found=$(grep -oE "($4)[a-z-]*" "$out" | head -1 || true)
	if [ -z "$found" ] || grep -q 'NOT REFUSED' "$out"; then
		printf 'LET THROUGH  %-42s wanted %s from the %s, saw:\n' "$2" "$4" "$3"
		tail -5 "$out" | sed 's/^/    /'
		return 1
	fi
	reason=$(grep -E "$found" "$out" | head -1)
	if jq -e .sealpod <<<"$reason" >/dev/null 2>&1; then # the broker's own answer
		reason=$(jq -r '.sealpod | "\(.code): \(.field)" + (if .expected != "" then ": expected \(.expected)" else "" end) +
			(if .actual != "" then ", got \(.actual)" else "" end)' <<<"$reason")
	fi
	reason=$(sed -E "s/.*$found:? ?//" <<<"$reason" | cut -c1-110)
	[ "$table" = 0 ] || printf '%-42s %-7s %-26s %s\n' "$2" "$3" "$found" "$reason"
}

prepare
[ "$table" = 0 ] || printf '%-42s %-7s %-26s %s\n' ATTACK 'REFUSED' 'CODE' 'REASON'
selected=()
while IFS='|' read -r id what who code; do
	[ -n "$id" ] || continue
	[ "$only" = '  ' ] || [[ $only == *" $id "* ]] || continue
	selected+=("$id")
done <<<"$attacks"

for id in "${selected[@]}"; do
	run_one "$id" &
	while [ "$(jobs -rp | wc -l)" -ge $((${#STACK_PIDS[@]} + $(nproc))) ]; do
		sleep 0.2
	done
done
for job in $(jobs -p); do
	[[ " ${STACK_PIDS[*]} " == *" $job "* ]] || wait "$job" || true
done

passed=0 failed=0
while IFS='|' read -r id what who code; do
	[[ " ${selected[*]} " == *" $id "* ]] || continue
	[ -n "$id" ] || continue
	if judge "$id" "$what" "$who" "$code"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done <<<"$attacks"
printf '%d attacks refused, %d let through\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -eq "${#selected[@]}" ]
