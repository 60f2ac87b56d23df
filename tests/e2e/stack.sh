#!/usr/bin/env bash
# What quickstart and the end-to-end tests stand on: a registry, a broker, keys, images. Sourced, not run.
#
# stack_up DIR starts everything below DIR; stack_down ends it. Afterwards:
#   $S            the directory             $REG, $GREG    registry as the host and as the guest name it
#   $KBS_DIR      broker's directory        $IMAGE         the good image as the guest names it
#   $SEALPOD      the program               $INITDATA      approved initdata
# shellcheck disable=SC2034  # variables are for the scripts that source this

HOST_IN_GUEST=${HOST_IN_GUEST:-10.0.2.2} # the host as QEMU's user network shows it, or a bridge's address
HOST_LISTEN=${HOST_LISTEN:-127.0.0.1}

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

free_port() {
	local port
	for _ in $(seq 50); do
		port=$((20000 + RANDOM % 20000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
	done
	die 'no free port'
}

wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

stack_broker() { # DIR PORT: makes and starts a broker
	local dir=$1 port=$2
	"$SEALPOD" pod tpm-ca >"$S/tpm-ca.pem"
	"$SEALPOD" kbs init "$dir" --host "$HOST_IN_GUEST" --host 127.0.0.1 --listen "$HOST_LISTEN" --port "$port" --software-root "$S/tpm-ca.pem"
	printf 'https://127.0.0.1:%s\n' "$port" >"$dir/url"
	"$BIN/sealpod-kbs" --config "$dir/kbs.toml" --log-format json 2>"$dir/kbs.log" &
	STACK_PIDS+=($!)
	wait_for 10 curl -sf --cacert "$dir/tls-ca.pem" "https://127.0.0.1:$port/healthz" || die "broker did not start: $(tail -3 "$dir/kbs.log")"
}

stack_registry() { # PORT; its certificate is the broker's
	cat >"$S/registry.yml" <<-YML
		version: 0.1
		log: {level: error}
		storage: {filesystem: {rootdirectory: $S/registry}, delete: {enabled: true}}
		http: {addr: "$HOST_LISTEN:$1", tls: {certificate: $KBS_DIR/tls.pem, key: $KBS_DIR/tls.key}}
	YML
	docker-registry serve "$S/registry.yml" >"$S/registry.log" 2>&1 &
	STACK_PIDS+=($!)
	wait_for 10 curl -sf --cacert "$KBS_DIR/tls-ca.pem" "https://127.0.0.1:$1/v2/" || die "registry did not start: $(tail -3 "$S/registry.log")"
	mkdir -p "$S/certs"
	cp "$KBS_DIR/tls-ca.pem" "$S/certs/ca.crt"
}

# A root file system of busybox and a script that says where it runs.
stack_rootfs() { # DIR [BUSYBOX]
	local dir=$1 applet
	mkdir -p "$dir"/{bin,etc,proc,sys,dev,tmp}
	cp "${2:-/bin/busybox}" "$dir/bin/busybox"
	for applet in sh echo cat df grep ls id sleep sync tail uname head wget true false; do
		ln -sf busybox "$dir/bin/$applet"
	done
	printf 'root:x:0:0:root:/:/bin/sh\n' >"$dir/etc/passwd"
	printf 'This text was encrypted when it left the build machine.\n' >"$dir/etc/secret.txt"
	cat >"$dir/bin/hello" <<-'SH'
		#!/bin/sh
		echo "Hello from inside the confidential guest."
		echo "kernel:  $(uname -sr)"
		echo "user:    $(id)"
		echo "secret:  $(cat /etc/secret.txt)"
	SH
	chmod 755 "$dir/bin/hello"
}

push_plain() { # LAYOUT-REF NAME:TAG
	skopeo copy -q --insecure-policy --dest-cert-dir "$S/certs" "$1" "docker://$REG/$2"
}
sign_image() { # NAME:TAG [KEY]
	"$SEALPOD" image sign --key "${2:-$S/cosign.key}" --as "$GREG/$1" --ca "$KBS_DIR/tls-ca.pem" "docker://$REG/$1" >/dev/null
}

stack_images() {
	stack_rootfs "$S/rootfs"
	python3 "$E2E/oci.py" rootfs "$S/layout" plain "$S/rootfs"
	"$SEALPOD" image keygen --signing "$S/cosign" >/dev/null
	"$SEALPOD" image keygen --image "$S/image.key" >/dev/null
	"$SEALPOD" image encrypt --key "$S/image.key" --key-id kbs:///default/key/app --ca "$KBS_DIR/tls-ca.pem" \
		"oci:$S/layout:plain" "docker://$REG/app:latest" >/dev/null
	sign_image app:latest
}

# The containers this pod may run: the good image, and every image of the attacks, so that it is not the manifest but
# the image's own checks that refuse those.
stack_manifest() { # FILE NAME...
	local out=$1 name first=1
	shift
	{
		printf '{"version":1,"allow":["logs","signal","stdin","stats"],"containers":['
		for name in "$@"; do
			[ "$first" = 1 ] || printf ','
			first=0
			printf '{"name":"%s","image":"%s/%s:latest","argv":["/bin/hello"],"exec":[["/bin/id"]]}' "$name" "$GREG" "$name"
		done
		printf ']}\n'
	} >"$out"
}

stack_policies() {
	cat >"$S/image-policy.json" <<-JSON
		{"default":[{"type":"reject"}],
		 "transports":{"docker":{"$GREG":[{"type":"sigstoreSigned","keyData":"$(base64 -w0 "$S/cosign.pub")"}]}}}
	JSON
	cat >"$S/release-policy.toml" <<-TOML
		version = 1
		[[rule]]
		resources = ["default/key/app"]
		platforms = ["vtpm"]
		simulated = true          # this demonstration has no TEE: its TPM is software
		executables = "reference" # firmware, kernel, command line and initrd as the image build measured them
		initdata = "reference"    # and this pod's initdata, approved below
	TOML
}

make_initdata() { # OUT [KBS-URL [KBS-CA [MANIFEST]]]
	"$SEALPOD" initdata make --kbs "${2:-https://$HOST_IN_GUEST:$KBS_PORT}" --kbs-ca "${3:-$KBS_DIR/tls-ca.pem}" \
		--manifest "${4:-$S/manifest.json}" --image-policy "$S/image-policy.json" --registry-ca "$KBS_DIR/tls-ca.pem" --output "$1" >/dev/null
}

stack_approve() {
	"$SEALPOD" kbs resource set default/key/app "$S/image.key" --dir "$KBS_DIR"
	"$SEALPOD" kbs policy set "$S/release-policy.toml" --dir "$KBS_DIR"
	# Who builds guest images signs what they measure; here that is the publisher of the container image.
	cp "$GUEST/reference-values.json" "$S/"
	"$SEALPOD" kbs reference-values sign "$S/reference-values.json" --key "$S/cosign.key"
	"$SEALPOD" kbs reference-values import "$S/reference-values.json" --key "$S/cosign.pub" --dir "$KBS_DIR"
	"$SEALPOD" kbs reference add initdata "$("$SEALPOD" initdata digest "$INITDATA")" --dir "$KBS_DIR"
}

stack_up() { # DIR NAME...: further image names that the manifest allows
	S=$1
	shift
	E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
	BIN=${SEALPOD_BIN:-$(cd "$E2E/../.." && pwd)/build/release/bin}
	GUEST=$(dirname "$BIN")/guest
	SEALPOD=$BIN/sealpod
	STACK_PIDS=()
	[ -x "$SEALPOD" ] && [ -f "$GUEST/initrd" ] || die "no release build with guest image in $(dirname "$BIN")"
	mkdir -p "$S"
	KBS_DIR=$S/kbs
	KBS_PORT=$(free_port)
	local port
	port=$(free_port)
	REG=127.0.0.1:$port GREG=$HOST_IN_GUEST:$port IMAGE=$HOST_IN_GUEST:$port/app:latest
	INITDATA=$S/initdata.toml
	stack_broker "$KBS_DIR" "$KBS_PORT"
	stack_registry "$port"
	stack_images
	stack_manifest "$S/manifest.json" app "$@"
	stack_policies
	make_initdata "$INITDATA"
	stack_approve
}

stack_down() {
	local pid
	for pid in "${STACK_PIDS[@]:-}"; do
		[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
}
