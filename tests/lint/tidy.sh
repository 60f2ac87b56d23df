#!/usr/bin/env bash
# clang-tidy finds nothing in the sources (tests aside). Usage: tidy.sh [BUILD-DIR [FILE...]]
# BUILD-DIR is a configured and built one (generated headers); its compile_commands.json says how each file is compiled.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/dev}
shift || true
command -v clang-tidy >/dev/null || { echo "clang-tidy is missing: tools/install-packages test"; exit 77; }
[ -f "$build/compile_commands.json" ] || { echo "$build is not configured"; exit 77; }

files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files '*.c' | grep -v '^tests/')
# The compile commands are gcc's: clang need not know every warning named in them.
printf '%s\0' "${files[@]}" |
	xargs -0 -n 1 -P 2 clang-tidy --quiet -p "$build" --extra-arg=-Wno-unknown-warning-option 2>/dev/null
