#!/usr/bin/env bash
# Proves from the ELF files that the programs of a release build are hardened. Usage: hardening.sh BIN-DIR
set -euo pipefail
bin=${1:?usage: hardening.sh DIR}

bad=0
fail() { echo "$program: $1"; bad=1; }
found=0
for program in "$bin"/sealpod*; do
	[ -f "$program" ] && [ -x "$program" ] || continue
	found=$((found + 1))
	headers=$(readelf -hlW "$program")
	dynamic=$(readelf -dW "$program")
	symbols=$(readelf --dyn-syms -W "$program")
	grep -q 'Type: *DYN' <<<"$headers" || fail 'not position independent'
	grep -q 'GNU_RELRO' <<<"$headers" || fail 'no RELRO'
	grep -qE 'BIND_NOW|FLAGS.*NOW' <<<"$dynamic" || fail 'lazy binding'
	grep -E 'GNU_STACK' <<<"$headers" | grep -q 'RWE' && fail 'executable stack'
	grep -E ' LOAD ' <<<"$headers" | grep -q 'RWE' && fail 'writable and executable segment'
	grep -q 'TEXTREL' <<<"$dynamic" && fail 'text relocations'
	grep -qE 'RPATH|RUNPATH' <<<"$dynamic" && fail 'run path'
	grep -q '__stack_chk_fail' <<<"$symbols" || fail 'no stack protector'
	grep -qE '_chk@' <<<"$symbols" || fail 'no fortified calls'
	# Debian's crt1.o has no CET note, so the linker drops the note of the whole; the instructions are the proof.
	if grep -q 'X86-64' <<<"$headers"; then
		# libc calls main by its address; in a small program no other function is.
		[ "$(objdump -d -j .text --disassemble=main "$program" | grep -c endbr64)" -ge 1 ] || fail 'no indirect branch tracking (CET)'
	fi
done
[ "$found" -gt 0 ] || { echo "no programs in $bin"; exit 1; }
echo "$found programs checked"
exit "$bad"
