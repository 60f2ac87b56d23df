#!/usr/bin/env bash
# sealpod image se-build and se-check: hosts verified or refused, read back with the host's key, changes found. Usage: se_image.sh BIN-DIR VECTORS
set -euo pipefail

sealpod=$(realpath "$1")/sealpod
certs=${SEALPOD_VECTORS:-$2}/se/s390-tools/cert
[ -d "$certs" ] || { echo 'se_image.sh: the vectors are not here'; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "se_image.sh: $*" >&2; exit 1; }
exits() { # STATUS TEXT COMMAND...
	local want=$1 text=$2 status=0
	shift 2
	"$@" >out 2>&1 || status=$?
	[ "$status" -eq "$want" ] || { cat out >&2; fail "'$*': exit $status instead of $want"; }
	grep -qF -- "$text" out || { cat out >&2; fail "'$*' does not say '$text'"; }
}

python3 - <<'PY'
kernel = bytearray((i * 7 + i // 251) & 255 for i in range(0x12345))
kernel[0x10008:0x1000e] = b'S390EP'
kernel[0x10430:0x10438] = (4096).to_bytes(8, 'big')
open('kernel', 'wb').write(kernel)
open('initrd', 'wb').write(bytes(70001))
open('large', 'wb').write(bytes(20000000))
open('stage3a', 'wb').write(bytes(0x1234))
open('stage3b', 'wb').write(b'\x01' * 9000)
PY
openssl ecparam -name secp521r1 -genkey -noout -out other.key
openssl rand -out comm.key 32
openssl rand -out header.key 32
trust=(--cert "$certs/ibm.crt" --cert "$certs/inter_ca.crt" --crl "$certs/ibm.crl" --crl "$certs/inter_ca.crl"
	--crl "$certs/root_ca.crl" --root-ca "$certs/root_ca.crt")
build() { "$sealpod" image se-build --kernel kernel --initrd initrd --append 'root=/dev/vda quiet' --stage3a stage3a --stage3b stage3b "$@"; }
check() { "$sealpod" image se-check "$@"; }

# Verified hosts; what is printed is what the image says.
build -k "$certs/host.crt" "${trust[@]}" --header-key header.key --comm-key comm.key --enable-cck-extension-secret -o image --json >made
[ "$(jq -r .hosts_verified made)" = true ] || fail 'hosts_verified'
check image --json >seen
[ "$(jq -S 'del(.image, .hosts_verified)' made)" = "$(jq -S 'del(.header_address, .components, .opened)' seen)" ] || fail 'se-check says other things'
exits 2 'exists already' build -k "$certs/host.crt" "${trust[@]}" -o image

# Opened with the host's key, and with the header's: the files are what went in.
for key in "--host-key $certs/host.key" '--header-key header.key'; do
	rm -rf parts
	# shellcheck disable=SC2086
	check image $key --extract parts --json >seen
	cmp parts/kernel kernel || fail "kernel extracted with $key"
	cmp parts/initrd initrd || fail "initrd extracted with $key"
	[ "$(tr -d '\0' <parts/command-line)" = 'root=/dev/vda quiet' ] || fail 'command line'
	jq -e '.opened and .cck_extension_secret and (.cck_update | not) and (.components | map(.name) == ["kernel", "initrd", "command line", "stage3b"])' seen >/dev/null ||
		fail 'what was opened'
done
exits 2 'exists already' check image --header-key header.key --extract parts
exits 2 'none of its' check image --host-key other.key
exits 1 'se.image' check image --header-key comm.key
exits 0 'are those of the header' check image --host-key-document "$certs/host.crt"
exits 2 '--extract' check image --extract parts
exits 1 'se.host-key' check image --host-key-document "$certs/../keys/host.pem.crt"
exits 2 'is enough' check image --header-key header.key --host-key other.key
"$sealpod" inspect image | grep -q 'command line' || fail 'inspect'

check image --header-out header >/dev/null
"$sealpod" inspect header | grep -q 'page list digest' || fail 'the header alone'
# The values that a broker compares are those of the image, and of its header alone.
"$sealpod" measure se image --json >measured
[ "$(jq -r '.values | .se_tag + .pld + .ald + .tld + .se_image_phkh' measured)" = \
	"$(check image --json | jq -r '.tag + .pld + .ald + .tld + .image_phkh[0]')" ] || fail 'measure se'
"$sealpod" measure se header --json | jq -e --slurpfile m measured '.values == $m[0].values' >/dev/null || fail 'measure se of the header'
exits 2 'no Secure Execution header' "$sealpod" measure se kernel
# Images are larger than evidence.
"$sealpod" image se-build --kernel kernel --initrd large --stage3a stage3a --stage3b stage3b -k "$certs/host.crt" "${trust[@]}" -o large-image >/dev/null
"$sealpod" inspect large-image | grep -q stage3b || fail 'inspect of a large image'

# The customer's key opens what was made with it.
build -k "$certs/host.crt" "${trust[@]}" --customer-key other.key -o image2 >text
grep -q '^image_phkh ' text || fail 'text'
exits 0 'the header is that of the key' check image2 --customer-key other.key --host-key-document "$certs/host.crt"
exits 1 'customer key' check image --customer-key other.key --host-key-document "$certs/host.crt"

# Keys are drawn anew each time; the components are hidden unless that is asked for.
[ "$(check image --json | jq -r .pld)" != "$(check image2 --json | jq -r .pld)" ] || fail 'the same pages twice'
grep -q S390EP image && fail 'the kernel is readable'
build -k "$certs/host.crt" "${trust[@]}" --disable-image-encryption --enable-dump --disable-pckmo -o plain --json >made
grep -q S390EP plain || fail 'the kernel is not readable'
[ "$(jq -c .flags made)" = '["dump","no-component-encryption"]' ] || fail 'flags'

# Initdata is bound by the command line.
printf 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n"a.toml" = "x"\n' >initdata
build -k "$certs/host.crt" "${trust[@]}" --header-key header.key --initdata initdata -o bound >/dev/null
check bound --header-key header.key --extract bound-parts >/dev/null
[ "$(tr -d '\0' <bound-parts/command-line)" = "root=/dev/vda quiet sealpod.initdata=sha256:$(sha256sum initdata | cut -d' ' -f1)" ] ||
	fail 'initdata'

# Documents that are not proven are refused, and nothing is written.
exits 1 'crl.missing' build -k "$certs/host.crt" "${trust[@]:0:4}" --root-ca "$certs/root_ca.crt" -o no
exits 1 'se.hkd' build -k "$certs/host_crt_expired.crt" "${trust[@]}" -o no
exits 1 'certificate.untrusted' build -k "$certs/host.crt" "${trust[@]:0:10}" -o no
exits 1 'certificate.expired' build -k "$certs/host.crt" "${trust[@]}" --at 2399-01-01T00:00:00Z -o no
exits 3 'no host key document' build -k "$certs/root_ca.crt" "${trust[@]}" -o no
exits 2 '--cert' build -k "$certs/host.crt" -o no
exits 2 'not both' build -k "$certs/host.crt" "${trust[@]}" --no-verify -o no
exits 2 '--comm-key' build -k "$certs/host.crt" "${trust[@]}" --enable-cck-extension-secret -o no
exits 3 '31 bytes' build -k "$certs/host.crt" "${trust[@]}" --comm-key <(head -c 31 comm.key) -o no
[ ! -e no ] || fail 'an image was written'
exits 0 'not verified' build -k "$certs/host_crt_expired.crt" --no-verify -o unverified --json
grep -q '"hosts_verified":false' out || fail '--no-verify is not visible'

# Changed by a byte, cut, or none at all.
cp image changed
printf '\377' | dd of=changed bs=1 seek=$((0x20000)) conv=notrunc status=none
exits 1 'page list digest' check changed
exits 1 'page list digest' "$sealpod" measure se changed
exits 3 'S390EP' "$sealpod" image se-build -k "$certs/host.crt" "${trust[@]}" --kernel initrd --stage3a stage3a --stage3b stage3b -o no
head -c 100000 image >image-cut
exits 3 'parameter block' check image-cut
exits 2 'no Secure Execution header' check kernel
echo 'se_image.sh: all passed'
