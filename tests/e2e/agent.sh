#!/usr/bin/env bash
# A guest of platform none in the open world, its agent driven by requests as a runtime sends them.
set -euo pipefail
bin=${SEALPOD_BIN:?directory of the programs}
guest=$(dirname "$bin")/guest
test=${SEALPOD_TEST:-$(dirname "$bin")/../dev/bin/integration_agent_guest}
for need in qemu-system-x86_64 busybox; do
	command -v "$need" >/dev/null || { echo "$need is missing: tools/install-packages test"; exit 77; }
done
for need in "$guest/vmlinuz" "$guest/initrd" "$test"; do
	[ -e "$need" ] || { echo "$need is missing: build it first"; exit 77; }
done

dir=$(mktemp -d /tmp/sealpod-agent-XXXXXX)
pid=
clean() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	[ -z "$pid" ] || wait "$pid" 2>/dev/null || true
	rm -rf "$dir"
}
trap clean EXIT

# LINUX_CMDLINE_OPEN of measured-boot/cmdline.h
append="console=hvc0 panic=-1 oops=panic module.sig_enforce=1 debugfs=off vsyscall=none"
append+=" no_timer_check cryptomgr.notests i8042.nokbd i8042.noaux tpm_tis.interrupts=0 rcupdate.rcu_expedited=1 quiet sealpod.manifest=none"
qemu-system-x86_64 -M q35,accel=tcg -cpu max -smp 2 -m 512 -nodefaults -display none -no-reboot \
	-kernel "$guest/vmlinuz" -initrd "$guest/initrd" -append "$append" \
	-device virtio-serial-pci \
	-chardev "file,path=$dir/console,id=console" -device virtconsole,chardev=console \
	-chardev "socket,path=$dir/agent,server=on,wait=off,id=agent" \
	-device virtserialport,chardev=agent,name=sealpod.agent \
	-chardev "file,path=$dir/log,id=log" -device virtserialport,chardev=log,name=sealpod.log \
	-object rng-random,filename=/dev/urandom,id=rng -device virtio-rng-pci,rng=rng 2>"$dir/qemu" &
pid=$!
for _ in $(seq 100); do
	[ -S "$dir/agent" ] && break
	sleep 0.1
done
if ! SEALPOD_TEST_AGENT="unix://$dir/agent" timeout 300 "$test"; then
	cat "$dir/qemu" "$dir/console"
	tail -n 30 "$dir/log"
	exit 1
fi
grep -q '"event":"open-world","obeyed":"yes"' "$dir/log"
