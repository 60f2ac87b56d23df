/* The record of what was asked of a pod (pod_requests.h); nothing of the pod depends on it. */
#include "runtime/pod_requests.h"
#include "sandbox_internal.h"

/* Engines ask these again and again, and a manifest decides them for the whole pod. */
static const char *const once[] = { "StatsContainer", "PauseContainer", "ResumeContainer",
	"SignalProcess", "ReadStdout", "WriteStdin" };

static bool is_new(struct sandbox *s, const char *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(once); i++) {
		if (!str_equal(once[i], kind))
			continue;
		if (s->asked & 1u << i)
			return false;
		s->asked |= 1u << i;
	}
	return true;
}

static void add(struct sandbox *s, const struct pod_request *r)
{
	if (s->pod_there && !s->stopping && is_new(s, r->kind))
		err_ignore(pod_requests_add(s->pod.dir, r));
}

void sandbox_asked(struct sandbox *s, const char *kind, const char *container)
{
	const struct pod_request r = { .kind = kind, .container = container };

	add(s, &r);
}

void sandbox_asked_json(struct sandbox *s, const char *kind, const char *container,
	const char *name, struct bytes json)
{
	const struct pod_request r = {
		.kind = kind, .container = container, .json_name = name, .json = json
	};

	add(s, &r);
}

void sandbox_asked_number(struct sandbox *s, const char *kind, const char *container,
	const char *name, uint64_t number)
{
	const struct pod_request r = {
		.kind = kind, .container = container, .number_name = name, .number = number
	};

	add(s, &r);
}

void sandbox_streams(struct sandbox *s, const char *id, bool input)
{
	sandbox_asked(s, "ReadStdout", id);
	if (input)
		sandbox_asked(s, "WriteStdin", id);
}
