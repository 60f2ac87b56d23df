# Tables of docs/denials.md as C: | `code` | kind | meaning | what to do |
BEGIN { FS = "|"; print "#include \"verify_internal.h\"\n\nconst struct denial_hint denial_hints[] = {" }
function text(s) { gsub(/^ +| +$/, "", s); gsub(/`/, "", s); gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return s }
/^\| `[a-z0-9-]+\.[a-z0-9.-]+` \|/ { printf "\t{ \"%s\", \"%s\", \"%s\" },\n", text($2), text($4), text($5) }
END { print "\t{ 0 },\n};" }
