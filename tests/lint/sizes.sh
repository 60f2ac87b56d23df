#!/usr/bin/env bash
# Files over 600 lines, functions over 70 lines or complexity 15 fail; prints the totals per module.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v pmccabe >/dev/null || { echo "pmccabe is missing: tools/install-packages test"; exit 77; }

sources=$(git ls-files '*.c' '*.h' | grep -v '^tests/')
bad=0
long=$(xargs wc -l <<<"$sources" | awk '$2 != "total" && $1 > 600 {print $2 ": " $1 " lines, at most 600"}')
[ -z "$long" ] || { echo "$long"; bad=1; }
# pmccabe: modified complexity, complexity, statements, first line, lines, file(line), name
big=$(grep '\.c$' <<<"$sources" | xargs pmccabe 2>/dev/null |
	awk '$5 > 70 || $2 > 15 {print $6 " " $7 ": " $5 " lines, complexity " $2}')
[ -z "$big" ] || { echo "$big"; echo "^ at most 70 lines and complexity 15"; bad=1; }

for module in base crypto net tee attestation measured-boot image-rs keybroker-client policy agent hub runtime keybroker cli tests; do
	files=$(git ls-files "$module/*.c" "$module/*.h" "$module/**/*.c" "$module/**/*.h")
	[ -z "$files" ] || printf '%-18s %6d lines\n' "$module" "$(sort -u <<<"$files" | xargs cat | wc -l)"
done
exit "$bad"
