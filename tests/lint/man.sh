#!/usr/bin/env bash
# Every option of a command that has a man page is in that page. Usage: man.sh BIN-DIR
set -euo pipefail
bin=$(realpath "${1:?usage: man.sh DIR}")
cd "$(dirname "$0")/../.."

bad=0
check() { # PAGE COMMAND...
	local page=docs/man/$1 option
	shift
	while read -r option; do
		grep -qF -- "$option" "$page" || { echo "$page does not mention $option of '$*'"; bad=1; }
	done < <("$@" --help | grep -oE -- '--[a-z][a-z0-9-]+' | sort -u | grep -vxE -- '--(help|json|version)')
}
for page in docs/man/*.scd; do
	name=$(basename "$page" | sed -E 's/\.[0-9]\.scd$//')
	scdoc <"$page" >/dev/null || { echo "$page: scdoc refuses it"; bad=1; }
	# Section 8 documents programs, section 1 commands.
	if [[ $page == *.8.scd ]]; then
		check "$(basename "$page")" "$bin/$name"
		continue
	fi
	command=${name#sealpod-}
	words=("$bin/sealpod" "$command")
	"${words[@]}" --help >/dev/null 2>&1 || words=("$bin/$name") # a program of its own
	subcommands=$("${words[@]}" --help | sed -n '/^Commands:/,/^$/p' | awk 'NR > 1 && NF {print $1}')
	check "$(basename "$page")" "${words[@]}"
	for sub in $subcommands; do
		check "$(basename "$page")" "${words[@]}" "$sub"
	done
done
exit "$bad"
