/* list, ps. */
#include "hooks.h"
#include "life.h"
#include "oci.h"

#include <base/process.h>
#include <net/pb.h>

enum {
	OUT_MAX = 16 * 1024 * 1024
};

struct list_options {
	const char *format;
	bool quiet;
};

#define OPTION(member, k) .kind = (k), .offset = offsetof(struct list_options, member)
#define OPTION_FORMAT                                                                              \
	{                                                                                          \
		.name = "format", .letter = 'f', OPTION(format, CLI_CHOICE),                       \
		.choices = "table|json", .help = "form of the output (table)"                      \
	}

static bool wants_json(const struct list_options *o, const struct cli_args *args)
{
	return args->json || (o->format && str_equal(o->format, "json"));
}

static void list_row(const struct oci_state *s, enum oci_status status, struct buf *out)
{
	buf_printf(out, "%-20s %-9llu %-9s %-40s %s\n", s->id,
		(unsigned long long)(status == OCI_STOPPED ? 0 : s->holder.pid),
		oci_status_name(status), s->bundle, s->created);
}

static void list_json(const struct oci_state *s, enum oci_status status, struct json_writer *w)
{
	jw_object(w);
	oci_state_json(s, status, w);
	jw_kstr(w, "rootfs", s->rootfs);
	jw_kstr(w, "created", s->created);
	jw_kstr(w, "owner", "root");
	jw_object_end(w);
}

static RESULT list(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct list_options *o = options;
	AUTO(strv_done) struct strv ids = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w = jw_of(&out);
	bool json = wants_json(o, args);

	(void)ret_exit;
	life_reap(oci_root());
	TRY(oci_container_list(oci_root(), &ids));
	if (json)
		jw_array(&w);
	else if (!o->quiet)
		buf_printf(&out, "%-20s %-9s %-9s %-40s %s\n", "ID", "PID", "STATUS", "BUNDLE",
			"CREATED");
	for (size_t i = 0; i < ids.n; i++) {
		AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
		enum oci_status status = OCI_STOPPED;

		if (failed(oci_container_peek(oci_root(), ids.v[i], &c)) ||
			failed(life_status(&c, &status)))
			continue; /* it goes just now */
		if (json)
			list_json(&c.s, status, &w);
		else if (o->quiet)
			buf_printf(&out, "%s\n", c.s.id);
		else
			list_row(&c.s, status, &out);
	}
	if (json) {
		jw_array_end(&w);
		buf_puts(&out, "\n");
	}
	return oci_print(&out);
}

static const struct cli_option list_options[] = {
	OPTION_FORMAT,
	{ .name = "quiet", .letter = 'q', OPTION(quiet, CLI_FLAG), .help = "ids only" },
	{ 0 },
};

const struct cli_command cmd_list = {
	.name = "list",
	.summary = "list the containers below --root",
	.options = list_options,
	.options_size = sizeof(struct list_options),
	.run = list,
};

/* ---- ps ---- */

static RESULT ps_pids(const struct oci_container *c, struct buf *out)
{
	AUTO(shim_done) struct shim s = { 0 };
	AUTO(pb_free_any) Task__PidsResponse *r = NULL;
	struct json_writer w = jw_of(out);

	TRY(shim_connect(c->s.address, &s));
	TRY(shim_pids(&s, c->s.id, &r));
	jw_array(&w);
	jw_u64(&w, c->s.holder.pid);
	for (size_t i = 0; i < r->n_processes; i++)
		if (r->processes[i]->pid != c->s.holder.pid)
			jw_u64(&w, r->processes[i]->pid);
	jw_array_end(&w);
	buf_puts(out, "\n");
	return OK;
}

/* The processes are in the guest, so the container's own ps is asked. */
static RESULT ps_inside(const struct cli_args *args, int *ret_exit)
{
	size_t n = args->n - 1;
	AUTO(auto_free) char **argv = calloc(n + 4, sizeof(*argv));
	struct cli_args inside = { .v = argv };

	if (!argv)
		return err_new(ERR_NOMEM, "ps");
	argv[inside.n++] = args->v[0];
	argv[inside.n++] = (char *)(uintptr_t) "ps";
	for (size_t i = 0; i < n; i++)
		argv[inside.n++] = args->v[i + 1];
	return oci_exec_plain(&inside, ret_exit);
}

static RESULT ps(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	enum oci_status status = OCI_STOPPED;

	life_reap(oci_root());
	TRY(oci_container_peek(oci_root(), args->v[0], &c));
	TRY(life_status(&c, &status));
	if (status != OCI_RUNNING && status != OCI_PAUSED)
		return err_new(ERR_STATE, "container '%s' is not running", c.s.id);
	if (!wants_json(options, args))
		return ps_inside(args, ret_exit);
	TRY(ps_pids(&c, &out));
	return oci_print(&out);
}

static const struct cli_option ps_options[] = { OPTION_FORMAT, { 0 } };

const struct cli_command cmd_ps = {
	.name = "ps",
	.summary = "list the processes of a container, by the ps in it",
	.operands = "CONTAINER [PS-ARGUMENT...]",
	.min_operands = 1,
	.max_operands = 64,
	.in_order = true,
	.options = ps_options,
	.options_size = sizeof(struct list_options),
	.run = ps,
	.notes = "As JSON: the pids on this host that stand for it (the holder, the machine).",
};
