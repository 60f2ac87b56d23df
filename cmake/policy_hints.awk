# Table of refusals in docs/manifest.md as C: | `code` | meaning | what to do |
BEGIN { FS = "|"; print "#include \"runtime/policy_explain.h\"\n\nconst struct policy_hint policy_hints[] = {" }
function text(s) { gsub(/^ +| +$/, "", s); gsub(/`/, "", s); gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return s }
/^\| `manifest\.[a-z-]+` \|/ { printf "\t{ \"%s\", \"%s\", \"%s\" },\n", text($2), text($3), text($4) }
END { print "\t{ 0 },\n};" }
