/* Regular expressions of Kata's policies (RE2) as those of manifests (POSIX extended). */
#pragma once

#include <base/json.h>

/* `vars` are Kata's names "$(ipv4_a)". The anchors are left out, as manifests have their own. The
 * caller frees. ERR_UNSUPPORTED: there is no such expression. */
RESULT policy_regex(const char *re2, const struct json_map *vars, char **ret_regex);
