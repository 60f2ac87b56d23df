#!/usr/bin/env bash
# clang-format, shellcheck and codespell find nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
git ls-files '*.c' '*.h' | xargs -r clang-format --dry-run --Werror 2>&1 | head -40
[ "${PIPESTATUS[1]}" -eq 0 ] || bad=1
mapfile -t scripts < <(git ls-files | xargs -r grep -lE '^#!/usr/bin/env bash' 2>/dev/null)
shellcheck -S warning "${scripts[@]}" || bad=1
codespell -q 3 -L uptodate,crate,ans,te,ba,inout,ue,nd,mak,fo,ofo README.md SECURITY.md CONTRIBUTING.md CHANGELOG.md docs || bad=1
exit "$bad"
