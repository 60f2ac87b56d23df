/* Pod manifests from Kata's genpolicy: its data, `policy_data := {...}` at the end of the Rego. */
#pragma once

#include <base/json.h>

/* Where the data begin and end in the text; ERR_NOT_FOUND: there are none. */
RESULT policy_data_find(struct bytes rego, struct bytes *ret_json);
/*
 * The manifest, as indented JSON that manifest_parse() takes. What cannot be carried over is in
 * `notes`, a line each. ERR_FORMAT: not such data; ERR_NOT_FOUND: a container without an image.
 */
RESULT policy_import(struct bytes rego, struct buf *manifest, struct strv *notes);
