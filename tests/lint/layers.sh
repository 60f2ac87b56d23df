#!/usr/bin/env bash
# Fails on an #include that climbs: every module may use what stands before it, nothing beside or above it.
set -euo pipefail
cd "$(dirname "$0")/../.."

declare -A may=(
	[base]="base"
	[crypto]="base crypto"
	[net]="base crypto net"
	[tee]="base crypto net tee"
	[collateral]="base crypto net tee collateral"
	[attestation]="base crypto net tee attestation"
	[measured-boot]="base crypto net tee measured-boot"
	[image-rs]="base crypto net tee image-rs"
	[policy]="base crypto net policy"
	[volume]="base crypto volume"
	[verify]="base crypto net tee collateral attestation measured-boot verify"
	[keybroker-client]="base crypto net tee attestation keybroker-client"
)
lower="base crypto net tee attestation measured-boot image-rs keybroker-client"
for program in agent hub runtime keybroker; do
	may[$program]="$lower $program"
done
may[agent]+=" policy"
may[runtime]+=" policy"
may[cli]="$lower collateral runtime verify policy cli"
may[keybroker]="$lower collateral keybroker"

bad=0
for module in "${!may[@]}"; do
	[ -d "$module" ] || continue
	git ls-files "$module/*.c" "$module/*.h" | xargs -r grep -nE '^#include <[a-z0-9-]+/' /dev/null |
		awk -F: -v module="$module" -v may=" ${may[$module]} " -v all=" $lower collateral verify policy volume agent hub runtime keybroker cli " '
			{ used = $3; sub(/.*</, "", used); sub(/\/.*/, "", used) }
			index(all, " " used " ") && !index(may, " " used " ") {
				printf "%s:%s: %s/ must not include <%s/...>\n", $1, $2, module, used; bad = 1
			}
			END { exit bad }' || bad=1
done

# OpenSSL, GPGME and json-c have one caller each.
check_only() { # PATTERN FOLDER-REGEX WHAT
	local found
	found=$(git ls-files '*.c' '*.h' | grep -vE "$2" | xargs -r grep -nE "$1" /dev/null || true)
	[ -z "$found" ] || { echo "$found"; echo "^ only $3"; bad=1; }
}
check_only '#include <(openssl/|gpgme)' '^(crypto|tests)/' 'crypto/ may call OpenSSL and GPGME'
check_only '#include <json-c/' '^(base/json|tests/bench)' 'base/json*.c may call json-c'
check_only '#include <(curl/|microhttpd)' '^net/' 'net/ may call libcurl and libmicrohttpd'
exit "$bad"
