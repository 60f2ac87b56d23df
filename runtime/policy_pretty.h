/* JSON for people: an object's members a line each, lists of texts in one line. */
#pragma once

#include <base/json.h>

void policy_pretty(const struct json *j, struct buf *out);
