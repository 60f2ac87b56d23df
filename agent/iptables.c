/* The guest's packet filter, by the programs of its image when it has them. */
#include "reply.h"
#include "requests.h"

#include <base/file.h>
#include <base/process.h>

enum {
	RULES_MAX = 1024 * 1024,
	DATA_FIELD = 1 /* of both responses */
};

/* With a manifest the network is what was set before the first container, and filters are not. */
static RESULT check_open(const struct agent *a, const char *request)
{
	if (a->open_world)
		return OK;
	return err_deny(ERR_DENIED, "manifest.request", request, "(never with a manifest)",
		"packet filter");
}

static RESULT find_program(bool ipv6, const char *action, char **ret_path)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		AUTO(auto_free) char *path = NULL;

		TRY(str_format(&path, "%s/%stables-%s", dirs[i], ipv6 ? "ip6" : "ip", action));
		if (!file_exists(path))
			continue;
		*ret_path = TAKE(path);
		return OK;
	}
	return err_new(ERR_UNSUPPORTED, "%stables-%s: the guest's image has none",
		ipv6 ? "ip6" : "ip", action);
}

RESULT effect_filter_get(bool ipv6, struct buf *rules)
{
	AUTO(auto_free) char *program = NULL;
	const char *argv[] = { NULL, NULL };

	TRY(find_program(ipv6, "save", &program));
	argv[0] = program;
	return process_run_ok(argv, BYTES_NONE, rules);
}

RESULT effect_filter_set(bool ipv6, struct bytes rules, struct buf *out)
{
	AUTO(auto_free) char *program = NULL;
	/* Somebody else may hold the lock for a moment. */
	const char *argv[] = { NULL, "--wait", "5", NULL };

	TRY(find_program(ipv6, "restore", &program));
	argv[0] = program;
	return process_run_ok(argv, rules, out);
}

/* Both responses are one field of bytes. */
static void answer(struct ttrpc_call *call, struct err e, const struct buf *data)
{
	if (failed(e))
		reply_failure(call, e);
	else
		ttrpc_answer_field(call, DATA_FIELD, buf_bytes(data));
}

static RESULT save(struct agent *a, struct bytes payload, struct buf *out)
{
	AUTO(pb_free_any) Agent__GetIPTablesRequest *q = NULL;

	TRY(PB_UNPACK(agent__get_iptables_request, payload, &q));
	TRY(check_open(a, "GetIPTables"));
	return a->effects->filter_get(q->is_ipv6, out);
}

void iptables_get(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(buf_done) struct buf out = BUF_INIT(RULES_MAX);
	struct err e = save(a, payload, &out);

	answer(call, e, &out);
}

static RESULT restore(struct agent *a, struct bytes payload, struct buf *out)
{
	AUTO(pb_free_any) Agent__SetIPTablesRequest *q = NULL;

	TRY(PB_UNPACK(agent__set_iptables_request, payload, &q));
	TRY(check_open(a, "SetIPTables"));
	if (q->data.len > RULES_MAX)
		return err_new(ERR_LIMIT, "rules: more than %d bytes", RULES_MAX);
	return a->effects->filter_set(q->is_ipv6, bytes_of(q->data.data, q->data.len), out);
}

void iptables_set(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(buf_done) struct buf out = BUF_INIT(RULES_MAX);
	struct err e = restore(a, payload, &out);

	answer(call, e, &out);
}
