/*
 * Whether a request of the host may be, by the manifest alone: what the agent asks before it does
 * anything, and what `sealpod policy test` asks to explain it.
 */
#pragma once

#include <policy/spec.h>

/*
 * Which container of the manifest is meant, and whether it may be as the host wants it. `in_use`
 * tells which rows have a living container (MANIFEST_CONTAINERS_MAX of them). Of the image nothing
 * is known yet: plan_make() and manifest_check_plan() follow when it is there.
 */
RESULT admit_container(const struct manifest *m, const Agent__CreateContainerRequest *q,
	const bool *in_use, size_t *ret_row);
/* manifest.order: which rows have been started once, and which have ended with 0. */
RESULT admit_start(
	const struct manifest *m, size_t row, const bool *started, const bool *completed);
