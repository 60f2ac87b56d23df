#!/usr/bin/env bash
# sealpod install and uninstall with the real engines, in a mount namespace of their own: whatever they write stays in it. systemd is played by a script, so that
# restarts, engines that do not come up, and kill -9 in the middle can be tried.
set -euo pipefail
bin=${SEALPOD_BIN:?}
if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { echo 'skipped: needs root'; exit 77; }
	unshare -m true 2>/dev/null || { echo 'skipped: no mount namespaces'; exit 77; }
	exec unshare -m --propagation private "$0" inside
fi
dir=$(mktemp -d)
trap 'cd /; umount -l /etc/containers "$dir/docker" 2>/dev/null; rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

mkdir -p /etc/containerd /etc/docker /etc/containers /var/lib/sealpod "$dir/bin" "$dir/path"
for place in /etc/containerd /etc/docker /var/lib/sealpod; do mount -t tmpfs tmpfs "$place"; done
mkdir "$dir/containers"
cp -a /etc/containers/. "$dir/containers/"
rm -rf "$dir/containers/containers.conf" "$dir/containers/containers.conf.d"
mount --bind "$dir/containers" /etc/containers
# Stand-ins for our programs: engines only ask whether they are there and what they are.
for program in containerd-shim-sealpod-v2 sealpod-oci; do
	printf '#!/bin/sh\necho "sealpod-oci version 1"\necho "spec: 1.0.2"\n' >"$dir/bin/$program"
	chmod +x "$dir/bin/$program"
done
sealpod() { timeout 120 "$bin/sealpod" "$@"; }
install() { sealpod install --bin-dir "$dir/bin" "$@"; }
have() { command -v "$1" >/dev/null || { echo "$1 is not installed: its part is skipped"; return 1; }; }

containerd_part() {
	local conf=/etc/containerd/config.toml
	printf 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "pause:1"' >$conf
	cp $conf "$dir/before"
	install containerd --dry-run --handler sealpod --handler sealpod-vtpm >"$dir/yaml" 2>"$dir/log"
	cmp $conf "$dir/before" || fail 'a dry run wrote'
	grep -q '^+\[plugins.*runtimes.sealpod-vtpm\]' "$dir/log" || fail "no diff: $(cat "$dir/log")"
	[ ! -e /var/lib/sealpod/install ] || fail 'a dry run left something'
	install containerd --handler sealpod --handler sealpod-vtpm >"$dir/yaml" 2>"$dir/log"
	[ "$(grep -c '^kind: RuntimeClass' "$dir/yaml")" = 2 ] || fail 'RuntimeClasses'
	containerd config dump -c $conf 2>/dev/null | grep -q 'runtime_type = "io.containerd.sealpod-vtpm.v2"' ||
		containerd --config $conf config dump | grep -q 'io.containerd.sealpod-vtpm.v2' || fail 'containerd does not see it'
	containerd --config $conf config dump | grep -q 'sandbox_image = "pause:1"' || fail 'what was there is gone'
	[ "$(readlink "$dir/bin/containerd-shim-sealpod-vtpm-v2")" = containerd-shim-sealpod-v2 ] || fail 'no link for the handler'
	install containerd --handler sealpod --handler sealpod-vtpm >/dev/null 2>"$dir/log"
	grep -q 'has it already' "$dir/log" || fail "twice is not the same: $(cat "$dir/log")"
	install containerd --handler sealpod >/dev/null 2>&1
	grep -q sealpod-vtpm $conf && fail 'a handler that is no longer asked for stays'
	echo '# a word of the administrator' >>$conf
	sealpod uninstall --bin-dir "$dir/bin" containerd 2>/dev/null
	[ "$(tail -1 $conf)" = '# a word of the administrator' ] || fail 'uninstall took a line of others'
	grep -qi sealpod $conf && fail 'uninstall left something'
	# What containerd itself refuses is not put in place.
	printf 'version = 2\nroot = 7\n' >$conf
	cp $conf "$dir/before"
	install containerd --handler sealpod >/dev/null 2>"$dir/log" && fail 'a refused file was written'
	grep -q 'containerd does not take the configuration' "$dir/log" || fail "refused otherwise: $(cat "$dir/log")"
	cmp $conf "$dir/before" || fail 'a refused file was written'
	rm -f $conf
}

# The engine is "run by systemd": $dir/path/systemctl answers for it.
systemd_part() {
	local conf=/etc/containerd/config.toml
	mount -t tmpfs tmpfs /run
	mkdir -p /run/systemd/system
	cat >"$dir/path/systemctl" <<-EOF
		#!/bin/sh
		echo "\$*" >>$dir/systemctl.log
		[ "\$2" != restart ] || [ ! -e $dir/kill ] || { rm $dir/kill; kill -9 \$PPID; exit 1; }
		[ "\$2" != is-active ] || [ ! -e $dir/broken ] || ! grep -q sealpod $conf
	EOF
	chmod +x "$dir/path/systemctl"
	PATH=$dir/path:$PATH
	printf 'version = 2\n' >$conf
	install containerd --handler sealpod >/dev/null 2>"$dir/log"
	grep -q 'restart containerd.service' "$dir/systemctl.log" || fail 'containerd was not restarted'
	sealpod uninstall --bin-dir "$dir/bin" containerd 2>/dev/null
	[ "$(cat $conf)" = 'version = 2' ] || fail 'uninstall did not restore the file'
	[ ! -e /var/lib/sealpod/install/containerd ] || fail 'uninstall left its journal'
	# Killed in the middle of the restart: the next run takes it back first.
	touch "$dir/kill"
	install containerd --handler sealpod >/dev/null 2>&1 && fail 'it was not killed'
	grep -q '"changing":true' /var/lib/sealpod/install/containerd/journal.json || fail 'no journal of the change'
	sealpod uninstall --bin-dir "$dir/bin" containerd 2>"$dir/log"
	grep -q 'was interrupted: it is taken back' "$dir/log" || fail "no word of the repair: $(cat "$dir/log")"
	[ "$(cat $conf)" = 'version = 2' ] || fail 'the interrupted change stays'
	touch "$dir/kill"
	install containerd --handler sealpod >/dev/null 2>&1 && fail 'it was not killed'
	install containerd --handler sealpod >/dev/null 2>&1 || fail 'installing after an interruption'
	sealpod uninstall --bin-dir "$dir/bin" containerd 2>/dev/null
	# Does not come up with the new file.
	touch "$dir/broken"
	install containerd --handler sealpod >/dev/null 2>"$dir/log" && fail 'an engine that is down is no failure'
	grep -q 'is as before.*did not come up' "$dir/log" || fail "the failure does not say so: $(cat "$dir/log")"
	[ "$(cat $conf)" = 'version = 2' ] || fail 'it was not rolled back'
	[ ! -e /var/lib/sealpod/install/containerd/journal.json ] || fail 'a rolled back change is still in the journal'
	rm "$dir/broken"
}

docker_part() {
	printf '{"debug": true, "runtimes": {"other": {"path": "/bin/true"}}}\n' >/etc/docker/daemon.json
	cp /etc/docker/daemon.json "$dir/before"
	install docker --no-restart --handler sealpod --handler sealpod-vtpm 2>"$dir/log"
	python3 -c 'import json; d = json.load(open("/etc/docker/daemon.json")); assert d["debug"] and set(d["runtimes"]) == {"other", "sealpod", "sealpod-vtpm"}' ||
		fail 'daemon.json'
	# A daemon of its own reads it; it goes no further than its directories without bridges and iptables.
	timeout 10 dockerd --config-file /etc/docker/daemon.json --data-root "$dir/docker" --exec-root "$dir/docker-run" \
		--pidfile "$dir/docker.pid" -H "unix://$dir/docker.sock" --bridge none --iptables=false --containerd "$dir/nowhere.sock" \
		>"$dir/dockerd.log" 2>&1 || true
	grep -q 'unable to configure the Docker daemon with file' "$dir/dockerd.log" && fail "dockerd refuses it: $(tail -2 "$dir/dockerd.log")"
	sealpod uninstall --bin-dir "$dir/bin" docker --no-restart 2>/dev/null
	cmp /etc/docker/daemon.json "$dir/before" || fail 'daemon.json was not restored'
}

podman_part() {
	install podman --handler sealpod --handler sealpod-vtpm 2>"$dir/log" || fail "podman: $(cat "$dir/log")"
	for runtime in sealpod sealpod-vtpm; do
		[ "$(podman --root "$dir/p" --runroot "$dir/pr" --storage-driver vfs --runtime $runtime info --format '{{.Host.OCIRuntime.Name}}')" = $runtime ] ||
			fail "podman does not know $runtime"
	done
	sealpod uninstall --bin-dir "$dir/bin" podman 2>/dev/null
	[ ! -e /etc/containers/containers.conf.d/50-sealpod.conf ] || fail 'the file for Podman stays'
	[ ! -e "$dir/bin/sealpod-oci-vtpm" ] || fail 'the link stays'
}

if have containerd; then containerd_part; fi
if have dockerd; then docker_part; fi
if have podman; then podman_part; fi
if have containerd; then systemd_part; fi
echo 'install: each engine told and untold, refused, interrupted, rolled back'
