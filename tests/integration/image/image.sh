#!/usr/bin/env bash
# Images end to end on this machine: a real registry over TLS, skopeo, GPG, sealpod image, and sealpod-unpack asked as the
# hub asks it. What must be refused is refused with its code, and leaves nothing mounted or staged.
set -euo pipefail
bin=${SEALPOD_BIN:?}
source=${SEALPOD_SOURCE:?}
[ "$(id -u)" = 0 ] || { echo 'needs root'; exit 77; }
for tool in docker-registry skopeo gpg openssl jq python3; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done

dir=$(mktemp -d /tmp/sealpod-image-XXXXXX)
servers=()
end() {
	kill "${servers[@]}" 2>/dev/null || true
	umount "$dir"/b/*/rootfs 2>/dev/null || true
	rm -rf "$dir"
}
trap end EXIT
cd "$dir"
passed=0
ok() { passed=$((passed + 1)); echo "ok: $1"; }
die() { echo "FAILED: $*"; exit 1; }

# ---- a registry with TLS and passwords of its own, and one without ----
tls() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj '/CN=test CA' \
		-days 2 -addext basicConstraints=critical,CA:TRUE 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.csr -subj /CN=registry 2>/dev/null
	printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >ext
	openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tls.pem -days 2 -extfile ext 2>/dev/null
	mkdir -p certs && cp ca.pem certs/ca.crt
}
tls
port=$((20000 + RANDOM % 20000))
reg=127.0.0.1:$port
cat >registry.yml <<-YML
	version: 0.1
	log: {level: error}
	storage: {filesystem: {rootdirectory: $dir/registry}, delete: {enabled: true}}
	http: {addr: "$reg", tls: {certificate: $dir/tls.pem, key: $dir/tls.key}}
YML
docker-registry serve registry.yml >registry.log 2>&1 &
servers+=($!)
for _ in $(seq 100); do
	curl -sf --cacert ca.pem "https://$reg/v2/" >/dev/null && break
	sleep 0.1
done

image() { "$bin/sealpod" image "$@"; }
push() { "${SKOPEO:-skopeo}" copy -q --insecure-policy --dest-cert-dir certs "$@"; }
oci() { python3 "$source/tests/e2e/oci.py" "$@"; }
n=0
pull() { # REFERENCE ARGS...: into a fresh work directory and bundle; prints what image-pull prints
	n=$((n + 1))
	"$bin/image-pull" "$bin/sealpod-unpack" "$1" "${work:-$dir/w/$n}" "$dir/b/$n" ca=ca.pem "${@:2}" 2>>errors || true
}
clean() { # after a refusal
	[ -z "$(ls -A "$dir/w/$n/staging" 2>/dev/null)" ] || die "$1: staging is not empty"
	! mountpoint -q "$dir/b/$n/rootfs" || die "$1: something is mounted"
}
refused() { # WHAT CODE REFERENCE ARGS...
	local what=$1 code=$2 got
	shift 2
	n=$((n + 1))
	got=$("$bin/image-pull" "$bin/sealpod-unpack" "$1" "$dir/w/$n" "$dir/b/$n" ca=ca.pem "${@:2}" 2>>errors) && die "$what: let through"
	[ "${got%% *}" = "$code" ] || die "$what: wanted $code, got: $got"
	clean "$what"
	ok "$what ($got)"
}
accepted() { # WHAT REFERENCE ARGS...
	local what=$1 got
	shift
	n=$((n + 1))
	got=$("$bin/image-pull" "$bin/sealpod-unpack" "$1" "${work:-$dir/w/$n}" "$dir/b/$n" ca=ca.pem "${@:2}" 2>>errors) || die "$what: $got"
	[[ $got == sha256:* ]] || die "$what: $got"
	[ "$(cat "$dir/b/$n/rootfs/etc/text")" = 'the text' ] || die "$what: wrong contents"
	ok "$what"
}

# ---- images and keys ----
mkdir -p rootfs/bin rootfs/etc
cp /bin/busybox rootfs/bin/
ln -s busybox rootfs/bin/sh
printf 'the text\n' >rootfs/etc/text
oci rootfs layout plain rootfs
image keygen --signing signer --image image.key
image keygen --signing rogue
image keygen --signing signer 2>/dev/null && die 'keygen replaced a key'
ok 'keygen does not replace keys'
signed() { # SCOPE KEY-MEMBER
	printf '{"default":[{"type":"reject"}],"transports":{"docker":{"%s":[{"type":"sigstoreSigned",%s}]}}}' "$1" "$2"
}
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >any.json
signed "$reg" "\"keyPath\":\"$dir/signer.pub\"" >path.json
signed "$reg" "\"keyPath\":\"kbs:///default/cosign/pub\"" >kbs.json
signed "$reg" "\"keyData\":\"$(base64 -w0 signer.pub)\"" >policy.json
signed "$reg" "\"keyData\":$(jq -Rs . signer.pub)" >pem.json
kek=kbs:///default/key/app=image.key
sign() { image sign --key "${2:-signer.key}" --ca ca.pem "docker://$reg/$1" >/dev/null; }
hostile() { oci "$1" "l-$1" x rootfs && push "oci:l-$1:x" "docker://$reg/$1:latest" && sign "$1:latest"; }
blob() { echo "registry/docker/registry/v2/blobs/sha256/${1:0:2}/$1/data"; }
manifest() { curl -s --cacert ca.pem -H 'Accept: application/vnd.oci.image.manifest.v1+json' "https://$reg/v2/$1/manifests/latest"; }

# ---- what works ----
push oci:layout:plain "docker://$reg/app:latest"
accepted 'a plain image' "$reg/app:latest" policy=any.json
image encrypt --key image.key --key-id kbs:///default/key/app --ca ca.pem oci:layout:plain "docker://$reg/enc:latest" >digest
sign enc:latest
for p in path kbs policy pem; do
	accepted "encrypted and signed, policy $p" "$reg/enc:latest" policy=$p.json $kek kbs:///default/cosign/pub=signer.pub
done
accepted 'by digest' "$reg/enc@$(cat digest)" policy=policy.json $kek
image inspect --json --ca ca.pem "docker://$reg/enc:latest" | jq -e '.layers[0].encrypted and .signatures == 1' >/dev/null || die inspect
ok 'inspect'
work=$dir/w/shared accepted 'a first pull' "$reg/enc:latest" policy=policy.json $kek
mkdir -p "$dir/w/shared/staging/4194305-dead/left" # of a process that was killed: no pid is that high
work=$dir/w/shared accepted 'a second pull uses the layer that is there' "$reg/enc:latest" policy=policy.json
[ -z "$(ls -A "$dir/w/shared/staging")" ] || die 'what a killed process left is still there'
ok 'what a killed process left is removed'

cat >provider.conf <<-JSON
	{"key-providers":{"attestation-agent":{"cmd":{"path":"$bin/sealpod","args":["image","keyprovider"]}}}}
JSON
provider=provider:attestation-agent:keypath=$dir/image.key::keyid=kbs:///default/key/app::algorithm=A256GCM
by_skopeo() {
	OCICRYPT_KEYPROVIDER_CONFIG=provider.conf push --encryption-key "$provider" oci:layout:plain "docker://$reg/skopeo:latest"
	accepted 'encrypted by stock skopeo' "$reg/skopeo:latest" policy=any.json $kek
	OCICRYPT_KEYPROVIDER_CONFIG=provider.conf "${SKOPEO:-skopeo}" copy -q --insecure-policy --src-cert-dir certs \
		--decryption-key "provider:attestation-agent:keypath=$dir/image.key" "docker://$reg/enc:latest" oci:decrypted:x
	[ "$(jq -r '.layers[0].digest' "decrypted/blobs/sha256/$(jq -r '.manifests[0].digest' decrypted/index.json | cut -d: -f2)")" = \
		"$(jq -r '.layers[0].digest' "layout/blobs/sha256/$(jq -r '.manifests[0].digest' layout/index.json | cut -d: -f2)")" ] || die 'skopeo decrypts ours'
	ok 'stock skopeo decrypts ours'
	OCICRYPT_KEYPROVIDER_CONFIG=provider.conf push --dest-compress-format zstd --encryption-key "$provider" oci:layout:plain "docker://$reg/zstd:latest"
	accepted 'zstd, encrypted' "$reg/zstd:latest" policy=any.json $kek
}
if SKOPEO=$("$source/tools/stock-skopeo" 2>skopeo.log); then
	by_skopeo
else
	echo 'not run: no skopeo that knows key providers'
fi
image encrypt --key image.key --key-id kbs:///default/key/app oci:layout:plain oci:enc-dir:one >/dev/null
image sign --key signer.key --as "$reg/fromdir" oci:enc-dir:one >/dev/null
push oci:enc-dir:one "docker://$reg/fromdir:latest"
push "oci:enc-dir:$(jq -r '.manifests[] | .annotations["org.opencontainers.image.ref.name"] | select(startswith("sha256-"))' enc-dir/index.json)" \
	"docker://$reg/fromdir:$(jq -r '.manifests[] | .annotations["org.opencontainers.image.ref.name"] | select(startswith("sha256-"))' enc-dir/index.json)"
accepted 'encrypted and signed in a directory' "$reg/fromdir:latest" policy=policy.json $kek
printf '[[registry]]\nprefix = "example.com"\nlocation = "%s"\n[[registry.mirror]]\nlocation = "127.0.0.1:9"\n' "$reg" >registries.toml
accepted 'through a registry rule, past a dead mirror' example.com/app:latest policy=any.json registries=registries.toml

# ---- tokens, and blobs elsewhere ----
token_port=$((40000 + RANDOM % 10000))
python3 "$source/tests/integration/image/token_registry.py" layout tls.pem tls.key $token_port $((token_port + 1)) 2>token.log &
servers+=($!)
for _ in $(seq 100); do
	curl -s --cacert ca.pem "https://127.0.0.1:$token_port/v2/" >/dev/null && break
	sleep 0.1
done
login() { printf '{"auths":{"127.0.0.1:%s":{"auth":"%s"}}}' "$token_port" "$(printf %s "$1" | base64)" >auth.json; }
login user:secret
accepted 'with a token, and blobs from a storage service' "127.0.0.1:$token_port/private:plain" policy=any.json auth=auth.json
login user:wrong
refused 'a wrong password' - "127.0.0.1:$token_port/private:plain" policy=any.json auth=auth.json
refused 'a tag that is not there' - "$reg/app:absent" policy=any.json

# ---- GPG ----
export GNUPGHOME=$dir/gnupg
mkdir -m 700 gnupg
gpg -q --batch --passphrase '' --quick-gen-key tester@example.com ed25519 sign never 2>/dev/null
gpg -q --export tester@example.com >ring.gpg
mkdir -p lookaside
printf 'docker:\n  %s:\n    sigstore: file://%s/lookaside\n' "$reg" "$dir" >sigstore.yaml
gpg_sign() { # NAME
	local digest
	digest=$(manifest "$1" | sha256sum | cut -d' ' -f1)
	mkdir -p "lookaside/$1@sha256=$digest"
	printf '{"critical":{"identity":{"docker-reference":"%s/%s:latest"},"image":{"docker-manifest-digest":"sha256:%s"},"type":"atomic container signature"},"optional":{}}' \
		"$reg" "${2:-$1}" "$digest" | gpg -q --batch --sign -u tester@example.com >"lookaside/$1@sha256=$digest/signature-1"
}
printf '{"default":[{"type":"reject"}],"transports":{"docker":{"%s":[{"type":"signedBy","keyType":"GPGKeys","keyData":"%s"}]}}}' "$reg" "$(base64 -w0 ring.gpg)" >gpg.json
refused 'no GPG signature' image.unsigned "$reg/app:latest" policy=gpg.json sigstore=sigstore.yaml
gpg_sign app
accepted 'signed with GPG' "$reg/app:latest" policy=gpg.json sigstore=sigstore.yaml
gpg_sign enc other
refused 'GPG signature for another name' image.signature-identity "$reg/enc:latest" policy=gpg.json sigstore=sigstore.yaml
gpg -q --batch --passphrase '' --quick-gen-key rogue@example.com ed25519 sign never 2>/dev/null
gpg -q --export rogue@example.com >ring.gpg
printf '{"default":[{"type":"reject"}],"transports":{"docker":{"%s":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"%s/ring.gpg"}]}}}' "$reg" "$dir" >gpg2.json
refused 'GPG signature of another key' image.signature-key "$reg/app:latest" policy=gpg2.json sigstore=sigstore.yaml

# ---- what is refused ----
refused 'no policy' image.policy-reject "$reg/app:latest"
refused 'another registry' image.policy-reject "localhost:$port/app:latest" policy=policy.json
refused 'unsigned' image.unsigned "$reg/app:latest" policy=policy.json
push oci:layout:plain "docker://$reg/otherkey:latest" && sign otherkey:latest rogue.key
refused 'signed by another key' image.signature-key "$reg/otherkey:latest" policy=policy.json
push oci:layout:plain "docker://$reg/moved:latest"
image sign --key signer.key --as "$reg/elsewhere" --ca ca.pem "docker://$reg/moved:latest" >/dev/null
refused 'signed as another image' image.signature-identity "$reg/moved:latest" policy=policy.json
refused 'no key from the broker' policy.resource "$reg/enc:latest" policy=policy.json
head -c 32 /dev/urandom >wrong.key
refused 'another key from the broker' image.key-wrap "$reg/enc:latest" policy=policy.json kbs:///default/key/app=wrong.key

image encrypt --key image.key --key-id kbs:///default/key/app --ca ca.pem oci:layout:plain "docker://$reg/flipped:latest" >/dev/null
sign flipped:latest
layer=$(manifest flipped | jq -r '.layers[0].digest')
printf '\377' | dd of="$(blob "${layer#sha256:}")" bs=1 seek=1000 conv=notrunc status=none
refused 'one byte of an encrypted layer' image.layer-digest "$reg/flipped:latest" policy=policy.json $kek
truncate -s 5000 "$(blob "${layer#sha256:}")"
refused 'a shortened layer' image.layer-digest "$reg/flipped:latest" policy=policy.json $kek
rehash() { # NAME JQ-FILTER: the manifest bent, under the same tag
	manifest "$1" | jq -c "$2" >bent.json
	curl -sf --cacert ca.pem -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @bent.json "https://$reg/v2/$1/manifests/latest" >/dev/null
	sign "$1:latest"
}
image encrypt --key image.key --key-id kbs:///default/key/app --ca ca.pem oci:layout:plain "docker://$reg/hmac:latest" >/dev/null
zero=$(printf '{"cipher":"AES_256_CTR_HMAC_SHA256","hmac":"%s","cipheroptions":{}}' "$(head -c 32 /dev/zero | base64)" | base64 -w0)
rehash hmac ".layers[0].annotations[\"org.opencontainers.image.enc.pubopts\"] = \"$zero\""
refused 'a wrong HMAC' image.layer-hmac "$reg/hmac:latest" policy=policy.json $kek

oci rootfs l-swapped x rootfs && push oci:l-swapped:x "docker://$reg/swapped:latest" && sign swapped:latest
digest=$(manifest swapped | sha256sum | cut -d' ' -f1)
sed -i 's/"schemaVersion": 2/"schemaVersion":  2/' "$(blob "$digest")"
refused 'manifest swapped under its tag' image.manifest-digest "$reg/swapped:latest" policy=policy.json
refused 'manifest swapped under its digest' image.manifest-digest "$reg/swapped@sha256:$digest" policy=policy.json

hostile diff-id
refused 'a wrong diff-id' image.diff-id "$reg/diff-id:latest" policy=policy.json
for kind in dotdot absolute symlink; do
	hostile $kind
	refused "archive: $kind" image.tar-path "$reg/$kind:latest" policy=policy.json
done
[ ! -e /etc/evil ] || die 'an archive wrote to /etc'
hostile bomb
refused 'decompression bomb' image.bomb "$reg/bomb:latest" policy=policy.json max=67108864
oci rootfs l-many x rootfs && push oci:l-many:x "docker://$reg/many:latest"
# shellcheck disable=SC2016 # jq's variable
rehash many '.layers = [range(10000) as $i | .layers[0]]'
refused '10,000 layers' image.manifest-limit "$reg/many:latest" policy=policy.json
oci rootfs l-count x rootfs && push oci:l-count:x "docker://$reg/count:latest"
rehash count '.layers += [.layers[0]]'
refused 'more layers than diff-ids' image.layer-count "$reg/count:latest" policy=policy.json
printf '[[registry]]\nprefix = "%s"\nblocked = true\n' "$reg" >blocked.toml
refused 'a blocked registry' image.policy-reject "$reg/app:latest" policy=any.json registries=blocked.toml
got=$("$bin/image-pull" "$bin/sealpod-unpack" "$reg/app:latest" "$dir/w/x" "$dir/b/x" policy=any.json 2>>errors) && die 'a registry with an unknown CA was believed'
grep -qi certificate <<<"$got" || die "unknown CA: $got"
ok 'a registry with an unknown CA'

echo "$passed checks passed"
