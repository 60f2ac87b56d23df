#include "runtime/timeline.h"

static const struct {
	const char *name, *what;
} stages[TIMELINE_COUNT] = {
#define X(id, n, w) [TIMELINE_##id] = { n, w },
	TIMELINE_STAGES(X)
#undef X
};

const char *timeline_name(enum timeline_stage s)
{
	return stages[s].name;
}

const char *timeline_what(enum timeline_stage s)
{
	return stages[s].what;
}

static void set(struct timeline *t, enum timeline_stage s, uint64_t ms)
{
	t->ms[s] = ms;
	t->known[s] = true;
}

static uint64_t since(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

void timeline_begin(struct timeline *t, uint64_t now_ms)
{
	*t = (struct timeline){ .begun = now_ms };
}

void timeline_vm_started(struct timeline *t, uint64_t now_ms)
{
	t->vm_started = now_ms;
	set(t, TIMELINE_LAUNCH, since(t->begun, now_ms));
}

void timeline_contact(struct timeline *t, uint64_t now_ms, uint64_t guest_ms)
{
	uint64_t up = since(t->vm_started, now_ms);

	if (t->contact)
		return;
	t->contact = true;
	/* The guest says what it likes: no more than what passed here. */
	if (guest_ms > up)
		guest_ms = up;
	set(t, TIMELINE_FIRMWARE, up - guest_ms);
	set(t, TIMELINE_KERNEL, guest_ms);
}

/* Proof and keys are got on the way: what they took is theirs, not the pull's. */
static uint64_t without_nested(struct timeline *t, int stage, uint64_t took_ms)
{
	if (stage == TIMELINE_EVIDENCE || stage == TIMELINE_BROKER)
		t->nested += took_ms;
	if (stage != TIMELINE_PULL)
		return took_ms;
	took_ms = since(t->nested, took_ms);
	t->nested = 0;
	return took_ms;
}

void timeline_guest_stage(struct timeline *t, const char *stage, uint64_t took_ms)
{
	/* A guest may say anything; sums must not overflow. */
	if (took_ms > TIMELINE_STAGE_MAX_MS)
		return;
	/* The stages before are the host's to measure. */
	for (int s = TIMELINE_AGENT; s < TIMELINE_COUNT; s++) {
		if (!str_equal(stages[s].name, stage))
			continue;
		t->ms[s] += without_nested(t, s, took_ms);
		t->known[s] = true;
	}
}

void timeline_ready(struct timeline *t, uint64_t now_ms)
{
	t->ready = since(t->begun, now_ms);
}
