#!/usr/bin/env bash
# sealpod measure: values, exit codes, documents, differences, hostile input. Usage: measure.sh BIN-DIR
set -euo pipefail

sealpod=$(realpath "$1")/sealpod
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "measure.sh: $*" >&2; exit 1; }
exits() { # STATUS TEXT COMMAND...
	local want=$1 text=$2 status=0
	shift 2
	"$@" >out 2>&1 || status=$?
	[ "$status" -eq "$want" ] || { cat out >&2; fail "'$*': exit $status instead of $want"; }
	grep -qF -- "$text" out || { cat out >&2; fail "'$*' does not say '$text'"; }
}
measure() { "$sealpod" measure "$@"; }

# A firmware of 64 KiB with everything that SEV, SEV-ES and SNP want: table of GUIDs, reset block, hash table, metadata.
python3 - <<'PY'
import struct, uuid
size = 65536
image = bytearray(bytes(i & 0xff for i in range(size)))
def entry(guid, data):
    return data + struct.pack('<H', len(data) + 18) + uuid.UUID(guid).bytes_le
sections = [(0x800000, 0x2000, 1), (0x802000, 0x1000, 2), (0x803000, 0x1000, 3), (0x804000, 0x1000, 0x10)]
metadata = b'ASEV' + struct.pack('<III', 16 + 12 * len(sections), 1, len(sections)) + b''.join(struct.pack('<III', *s) for s in sections)
at = 0x400
image[size - at:size - at + len(metadata)] = metadata
table = (entry('dc886566-984a-4798-a75e-5585a7bf67cc', struct.pack('<I', at))
         + entry('7255371f-3a3b-4b04-927b-1da6efa8d454', struct.pack('<II', 0x804c00, 0x400))
         + entry('00f771de-1a7e-4fcb-890e-68c77e2fb44e', struct.pack('<I', 0x80b004)))
table += struct.pack('<H', len(table) + 18) + uuid.UUID('96b582de-1fb2-45f7-baea-a366c55a082d').bytes_le
image[size - 32 - len(table):size - 32] = table
open('fw', 'wb').write(image)

# The same as firmware of TDX: boot volume, configuration volume, hand-off blocks. And the log of a boot with its registers, hashed here.
import hashlib
tdx = [(0x2000, size - 0x2000, (1 << 32) - size + 0x2000, size - 0x2000, 0, 1), (0, 0x2000, (1 << 32) - size, 0x2000, 1, 0), (0, 0, 0x809000, 0x2000, 2, 0)]
descriptor = (uuid.UUID('e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae').bytes_le + b'TDVF' + struct.pack('<III', 16 + 32 * len(tdx), 1, len(tdx))
              + b''.join(struct.pack('<IIQQII', *s) for s in tdx))
td = bytearray(image)
td[size - 0x800:size - 0x800 + len(descriptor)] = descriptor
entries = entry('e47a6535-984a-4798-865e-4685a7bf8ec2', struct.pack('<I', 0x800 - 16))
entries += struct.pack('<H', len(entries) + 18) + uuid.UUID('96b582de-1fb2-45f7-baea-a366c55a082d').bytes_le
td[size - 32 - len(entries):size - 32] = entries
open('fw-tdx', 'wb').write(td)
sha = lambda b: hashlib.sha384(b).digest()
def event(index, kind, data, digest):
    return struct.pack('<IIIH', index, kind, 1, 0xc) + digest + struct.pack('<I', len(data)) + data
spec = b'Spec ID Event03\0' + struct.pack('<IBBBB', 0, 0, 2, 0, 2) + struct.pack('<IHH', 1, 0xc, 48) + b'\0'
tag = lambda i, s: struct.pack('<II', i, len(s)) + s
events = [(1, 0x8000000b, b'table', sha(b'hob')), (1, 0x8000000a, b'cfv', sha(b'other')), (2, 0x80000003, b'image', sha(b'kernel')),
          (3, 6, tag(0x8f3b22ed, b'LOADED_IMAGE::LoadOptions\0'), sha(b'line')), (3, 6, tag(0x8f3b22ec, b'Linux initrd\0'), sha(b'old initrd'))]
log = struct.pack('<II20sI', 1, 3, b'', len(spec)) + spec + b''.join(event(*e) for e in events)
open('ccel', 'wb').write(log + b'\xff' * 64)
open('ccel-cut', 'wb').write(log[:-3])
open('ccel-sha1', 'wb').write(struct.pack('<II20sI', 1, 4, b'', 4) + bytes(4))
registers = [bytes(48)] * 4
for index, kind, data, digest in events:
    digest = sha(bytes(td[:0x2000])) if kind == 0x8000000a else digest
    registers[index - 1] = sha(registers[index - 1] + digest)
open('rtmrs', 'w').write(' '.join(r.hex() for r in registers))
open('fw-cut', 'wb').write(image[:-100])
image[size - 32 - 18:size - 32 - 16] = b'\xff\xff'
open('fw-bad', 'wb').write(image)
open('kernel', 'wb').write(b'kernel' * 1000)
open('kernel2', 'wb').write(b'Kernel' * 1000)
open('initrd', 'wb').write(b'initrd')
PY
truncate -s 4G huge
touch table-loader rsdp
echo 'version = "0.1.0"
algorithm = "sha256"
[data]
"a.toml" = "x"' >initdata

echo '{"platform": "snp"}' >initdata-json
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem 2>/dev/null

# SEV without a kernel is the digest of the firmware, by everybody's tool.
[ "$(measure sev --firmware fw --json | jq -r .values.launch_digest)" = "$(sha256sum fw | cut -d' ' -f1)" ] || fail 'sev'
[ "$(measure sev-es --firmware fw --json | jq -r .values.launch_digest)" != "$(sha256sum fw | cut -d' ' -f1)" ] || fail 'sev-es'

# The last page's digest is the measurement, and the same firmware by its digest gives the same.
snp() { measure snp --firmware fw --kernel kernel --initrd initrd --append 'a b' "$@"; }
snp --explain --json >a
jq -e '.values.measurement == .steps[-1].after and (.steps | length) == 16 + 2 + 1 + 1 + 1 + 1' a >/dev/null || fail 'steps of snp'
seed=$(jq -r '[.steps[] | select(.what == "firmware")][-1].after' a)
[ "$(snp --firmware-digest "$seed" --json | jq -r .values.measurement)" = "$(jq -r .values.measurement a)" ] || fail 'firmware digest'
snp --explain >text
grep -q 'NORMAL firmware, 16 pages' text || fail 'pages are not shown in ranges'
[ "$(snp --match "$(snp --vcpus 5 --cpu-model EPYC-Genoa --guest-features 0x21 --json | jq -r .values.measurement)" --json | jq -c .)" = \
	'{"cpu-model":"EPYC-Genoa","vcpus":5,"guest-features":33}' ] || fail 'match'
exits 2 'no CPU model' "$sealpod" measure snp --firmware fw --vcpus 2 --match "$(jq -r .values.measurement a)"
exits 3 '--match' "$sealpod" measure snp --firmware fw --match 00
[ "$(snp --initdata initdata --json | jq -r .values.host_data)" = "$(sha256sum initdata | cut -d' ' -f1)" ] || fail 'host data'

sev() { measure sev --firmware fw --kernel kernel "$@" --json | jq -r .values.launch_digest; }
[ "$(sev --append a --initdata initdata)" = "$(sev --append "a sealpod.initdata=sha256:$(sha256sum initdata | cut -d' ' -f1)")" ] ||
	fail 'initdata in the command line'
exits 2 '--initdata needs --kernel' "$sealpod" measure sev-es --firmware fw --initdata initdata

# A pod's limits and initdata are those of the options.
cat >pod.yaml <<YAML
apiVersion: v1
kind: Pod
metadata:
  name: app
  annotations:
    io.katacontainers.config.hypervisor.cc_init_data: $(gzip -nc initdata | base64 -w 0)
spec:
  containers:
  - name: app
    image: example.org/app
    resources:
      limits: {cpu: 1500m, memory: 1Gi}
YAML
[ "$(snp --pod pod.yaml --json | jq -c .values)" = "$(snp --vcpus 3 --initdata initdata --json | jq -c .values)" ] || fail 'a pod'
[ "$(snp --pod pod.yaml --vcpus 1 --json | jq -r .values.measurement)" = "$(jq -r .values.measurement a)" ] || fail 'options win over the pod'
[ "$(sev --append a --pod pod.yaml)" = "$(sev --append a --initdata initdata)" ] || fail "a pod's initdata in the command line"
exits 2 'no pod' "$sealpod" measure snp --firmware fw --pod initdata-json
exits 3 'line' "$sealpod" measure snp --firmware fw --pod fw

# TDX: what the firmware makes of a boot's log, and logs that are none.
td() { measure tdx --firmware fw-tdx "$@"; }
[ "$(td --event-log ccel --json | jq -r '.values | [.rtmr_0, .rtmr_1, .rtmr_2, .rtmr_3] | join(" ")')" = "$(cat rtmrs)" ] || fail 'registers of a log'
td --event-log ccel --explain --json >a-td
td --event-log ccel --memory 4096 --explain --json >b-td
exits 1 'TD HOB; it depends on: firmware, memory' "$sealpod" measure diff a-td b-td
exits 3 'event log' "$sealpod" measure tdx --firmware fw-tdx --event-log ccel-cut
exits 3 'SHA-384' "$sealpod" measure tdx --firmware fw-tdx --event-log ccel-sha1
exits 3 'huge: more than' "$sealpod" measure tdx --firmware fw-tdx --event-log huge
exits 3 'huge: more than' "$sealpod" measure tdx --firmware huge
exits 2 'MZ' "$sealpod" measure tdx --firmware fw-tdx --event-log ccel --kernel kernel

# What differs is named: an input, a number of processors, nothing.
snp --explain --json >same
exits 0 'equal' "$sealpod" measure diff a same
measure snp --firmware fw --kernel kernel --initrd initrd --append 'a c' --explain --json >b
exits 1 'first input that differs: append' "$sealpod" measure diff a b
exits 1 'SEV hash table; it depends on: kernel, initrd, append' "$sealpod" measure diff a b
measure snp --firmware fw --kernel kernel2 --initrd initrd --append 'a b' --explain --json >b
exits 1 'first input that differs: kernel' "$sealpod" measure diff a b
snp --vcpus 2 --explain --json >b
exits 1 'further processor' "$sealpod" measure diff a b
measure diff a b --json >d || true
jq -e '.equal == false and .input.name == "vcpus" and .input.a == "1" and .input.b == "2"' d >/dev/null || fail 'diff --json'
snp --json >b
exits 0 'equal' "$sealpod" measure diff a b
measure sev --firmware fw --json >b
exits 2 'of platform' "$sealpod" measure diff a b
exits 3 'fw' "$sealpod" measure diff a fw
echo '{}' >empty
exits 3 'not what' "$sealpod" measure diff a empty
echo '{"platform":"snp","values":[1],"inputs":[2]}' >arrays
exits 3 'not what' "$sealpod" measure diff a arrays

# An ID block made from a document passes the check of both signatures, changed or exchanged ones do not.
for key in id author; do
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out $key.pem 2>/dev/null
done
id_block() { measure id-block --measurement a --id-key id.pem --image-id pod "$@"; }
id_block --author-key author.pem --out-block block --out-auth auth --json >made
[ "$(stat -c %s block auth | tr '\n' ' ')" = '96 4096 ' ] || fail 'sizes of the ID block'
[ "$(jq -r .values.measurement made)" = "$(jq -r .values.measurement a)" ] || fail 'measurement of the ID block'
measure id-block block auth --json | cmp - made || fail 'the ID block is read back otherwise'
jq -r .id_block made >block64
measure id-block block64 auth --json | cmp - made || fail 'an ID block in base64'
[ "$(measure id-block --measurement "$(jq -r .values.measurement a)" --id-key id.pem --json | jq -r .values.id_key_digest)" = \
	"$(jq -r .values.id_key_digest made)" ] || fail 'digest of the ID key'
id_block --policy 0x30001 --out-block other --out-auth other-auth >text
grep -qx 'policy            0x30001' text || fail 'policy of the ID block'
! grep -q author text || fail 'an author key from nowhere'
exits 1 'signature' "$sealpod" measure id-block other auth
exits 3 'neither 96 bytes' "$sealpod" measure id-block auth auth
exits 2 'BLOCK and AUTH' "$sealpod" measure id-block block
exits 2 '--measurement and --id-key' "$sealpod" measure id-block
exits 3 'values.measurement' "$sealpod" measure id-block --measurement initdata-json --id-key id.pem
exits 2 'P-384' "$sealpod" measure id-block --measurement a --id-key p256.pem
exits 2 '--family-id' "$sealpod" measure id-block --measurement a --id-key id.pem --family-id 'longer than sixteen'

# Against the manifest of an image: the measurement is listed, or the input that differs is named.
manifest() { # MEASUREMENT KERNEL-FILE
	jq -n --arg m "$1" --arg k "$(sha256sum "$2" | cut -d' ' -f1)" \
		'{version: 1, reference_values: {snp_launch_measurement: ["00", $m], "vtpm.kernel": [$k]}, image: {name: "guest", version: 1},
		  labels: {}, inputs: {kernel: {sha256: $k}}, debug_variant: {reference_values: {}, labels: {}, inputs: {}}}'
}
manifest "$(jq -r .values.measurement a)" kernel >listed
exits 0 'equal' "$sealpod" measure diff a listed
manifest 0101 kernel2 >other-kernel
exits 1 'none of the 2 values of snp_launch_measurement' "$sealpod" measure diff a other-kernel
exits 1 "first input that differs: kernel is 'sha256 $(sha256sum kernel | cut -d' ' -f1)' in A" "$sealpod" measure diff a other-kernel
exits 1 "'sha256 $(sha256sum kernel | cut -d' ' -f1)' in B" "$sealpod" measure diff other-kernel a
exits 2 'are manifests' "$sealpod" measure diff listed listed
measure initdata initdata --json >i
exits 2 'has no values of initdata' "$sealpod" measure diff i listed

# Usage and input.
exits 2 '--kernel' "$sealpod" measure snp --firmware fw --append x
exits 2 '--kernel' "$sealpod" measure tdx --firmware fw --append x
exits 2 'no-log' "$sealpod" measure tdx --firmware fw --event-log no-log
exits 2 'tables' "$sealpod" measure tdx --firmware fw --kernel kernel --acpi .
exits 2 'EPYC-Milan' "$sealpod" measure snp --firmware fw --cpu-model pentium
exits 2 'not both' "$sealpod" measure snp --firmware fw --cpu-model EPYC-v4 --cpu-signature 0x800f12
exits 2 '--guest-features' "$sealpod" measure snp --firmware fw --guest-features x
exits 2 'missing' "$sealpod" measure snp --firmware missing
exits 3 'huge: more than' "$sealpod" measure snp --firmware huge
exits 3 'huge: more than' "$sealpod" measure vtpm --firmware huge --kernel kernel
exits 3 'whole pages' "$sealpod" measure snp --firmware fw-cut
exits 3 'OVMF table' "$sealpod" measure snp --firmware fw-bad
exits 3 'firmware volume' "$sealpod" measure vtpm --firmware fw --kernel kernel
for platform in snp sev-es tdx; do
	status=0
	measure "$platform" --firmware initrd >out 2>&1 || status=$?
	[ "$status" -eq 2 ] || [ "$status" -eq 3 ] || fail "$platform of a file that is no firmware: $status"
done

# initdata: cut or filled to each register.
digest=$(sha256sum initdata | cut -d' ' -f1)
measure initdata initdata >i
grep -qx "host_data *$digest" i && grep -qx "mr_config_id *${digest}0\{32\}" i || fail 'registers of initdata'
echo ok
