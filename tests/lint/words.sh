#!/usr/bin/env bash
# What the source must not hold: jumps, secret comparison by memcmp(), unfinished work, reads of the environment that
# could change a verdict.
set -euo pipefail
cd "$(dirname "$0")/../.."

bad=0
refuse() { # PATTERN EXCEPT WHY
	local found
	found=$(git ls-files '*.c' '*.h' | grep -vE "$2" | xargs -r grep -nE "$1" /dev/null || true)
	[ -z "$found" ] || { echo "$found"; echo "^ $3"; bad=1; }
}
refuse '\bgoto\b' '^$' 'no goto: AUTO() cleans up'
refuse '\bmemcmp\(' '^(base|tests)/' 'bytes_equal() compares in constant time'
refuse '\b(TODO|FIXME|XXX|HACK)\b' '^tests/lint/' 'finish it, or open an issue'
refuse '\bgetenv\(' '^(tests|base)/' 'configuration is a parameter, never the environment'
refuse '\b(system|popen)\(' '^$' 'processes are started without a shell'
grep -q -- '-include .*poison.h' cmake/options.cmake || { echo "poison.h is not forced on every file"; bad=1; }
exit "$bad"
