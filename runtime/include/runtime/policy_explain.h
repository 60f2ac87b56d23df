/* Pod manifests and refusals in plain words, and what changed between two manifests. */
#pragma once

#include <policy/manifest.h>

/* The rows of docs/manifest.md; the last one has no code. */
struct policy_hint {
	const char *code, *meaning, *advice;
};
extern const struct policy_hint policy_hints[];
/* NULL: no such code. */
const struct policy_hint *policy_hint_find(const char *code);

/* What may run, who may do what to it, and what stays the host's choice. */
void policy_explain(const struct manifest *m, struct buf *text);

/* One difference: "containers[app].env.MODE: safe -> fast". */
struct policy_change {
	char *field;
	char *before, *after; /* NULL: not there */
};
struct policy_changes {
	struct policy_change *v;
	size_t n;
};
/* Containers are compared by name, lists whose order means nothing by their values. */
RESULT policy_diff(const struct json *before, const struct json *after, struct policy_changes *ret);
void policy_changes_done(struct policy_changes *c);
