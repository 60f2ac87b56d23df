/* pause, resume, update, checkpoint, restore. */
#include "life.h"
#include "oci.h"

#include <base/file.h>

enum {
	RESOURCES_MAX = 256 * 1024
};

static RESULT with_shim(const char *id, struct oci_container *ret_container, struct shim *ret_shim)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;

	life_reap(oci_root());
	TRY(oci_container_peek(oci_root(), id, &c));
	struct err e = shim_connect(c.s.address, ret_shim);
	if (failed(e))
		return err_new(ERR_STATE, "container '%s' is not running", id);
	*ret_container = c;
	c = OCI_CONTAINER_NONE;
	return OK;
}

static RESULT change(const char *id, bool pause)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
	AUTO(shim_done) struct shim s = { 0 };

	TRY(with_shim(id, &c, &s));
	TRY(life_need(&c, pause ? OCI_RUNNING : OCI_PAUSED, pause ? "pause" : "resume"));
	return shim_pause(&s, id, pause);
}

static RESULT pause_container(const void *options, const struct cli_args *args, int *ret_exit)
{
	(void)options;
	(void)ret_exit;
	return change(args->v[0], true);
}

static RESULT resume(const void *options, const struct cli_args *args, int *ret_exit)
{
	(void)options;
	(void)ret_exit;
	return change(args->v[0], false);
}

const struct cli_command cmd_pause = {
	.name = "pause",
	.summary = "freeze all processes of a container",
	.operands = "CONTAINER",
	.min_operands = 1,
	.max_operands = 1,
	.run = pause_container,
};

const struct cli_command cmd_resume = {
	.name = "resume",
	.summary = "let the processes of a paused container go on",
	.operands = "CONTAINER",
	.min_operands = 1,
	.max_operands = 1,
	.run = resume,
};

/* ---- update ---- */

struct update_options {
	const char *resources;
	const char *cpu_period, *cpu_quota, *cpu_share, *cpu_rt_period, *cpu_rt_runtime;
	const char *cpuset_cpus, *cpuset_mems;
	const char *memory, *memory_reservation, *memory_swap, *kernel_memory, *kernel_memory_tcp;
	const char *pids_limit, *blkio_weight;
};

struct resource {
	const char *member; /* of its object */
	size_t offset;	    /* into the options */
	bool text;
};

#define NUMBER(m, o)                                                                               \
	{                                                                                          \
		.member = (m), .offset = offsetof(struct update_options, o)                        \
	}
#define TEXT(m, o)                                                                                 \
	{                                                                                          \
		.member = (m), .offset = offsetof(struct update_options, o), .text = true          \
	}

static const struct resource cpu[] = { NUMBER("shares", cpu_share), NUMBER("quota", cpu_quota),
	NUMBER("period", cpu_period), NUMBER("realtimeRuntime", cpu_rt_runtime),
	NUMBER("realtimePeriod", cpu_rt_period), TEXT("cpus", cpuset_cpus),
	TEXT("mems", cpuset_mems), { 0 } };
static const struct resource memory[] = { NUMBER("limit", memory),
	NUMBER("reservation", memory_reservation), NUMBER("swap", memory_swap),
	NUMBER("kernel", kernel_memory), NUMBER("kernelTCP", kernel_memory_tcp), { 0 } };
static const struct resource pids[] = { NUMBER("limit", pids_limit), { 0 } };
static const struct resource block_io[] = { NUMBER("weight", blkio_weight), { 0 } };

static const struct {
	const char *name;
	const struct resource *members;
} objects[] = { { "cpu", cpu }, { "memory", memory }, { "pids", pids }, { "blockIO", block_io } };

static const char *value_of(const struct update_options *o, const struct resource *r)
{
	const char *value = NULL;

	memcpy(&value, (const uint8_t *)o + r->offset, sizeof(value));
	return value;
}

/* -1 is "no limit". */
static RESULT put_number(const char *value, const char *member, struct json_writer *w)
{
	bool negative = value[0] == '-';
	uint64_t v = 0;

	if (failed(str_to_u64(value + negative, INT64_MAX, member, &v)))
		return err_new(ERR_USAGE, "%s: '%.40s' is no number", member, value);
	jw_i64(w, negative ? -(int64_t)v : (int64_t)v);
	return OK;
}

static RESULT put_object(
	const struct update_options *o, const struct resource *all, struct json_writer *w)
{
	jw_object(w);
	for (const struct resource *r = all; r->member; r++) {
		const char *value = value_of(o, r);

		if (!value || !value[0])
			continue;
		jw_key(w, r->member);
		if (r->text)
			jw_str(w, value);
		else
			TRY(put_number(value, r->member, w));
	}
	jw_object_end(w);
	return OK;
}

static bool any(const struct update_options *o, const struct resource *all)
{
	for (const struct resource *r = all; r->member; r++)
		if (value_of(o, r))
			return true;
	return false;
}

static RESULT resources_of(const struct update_options *o, struct buf *out)
{
	struct json_writer w = jw_of(out);
	AUTO(json_freep) struct json *j = NULL;

	if (o->resources) {
		TRY(file_read(o->resources, out));
		return json_parse(buf_bytes(out), &j);
	}
	jw_object(&w);
	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		if (!any(o, objects[i].members))
			continue;
		jw_key(&w, objects[i].name);
		TRY(put_object(o, objects[i].members, &w));
	}
	jw_object_end(&w);
	return buf_end(out, "resources");
}

static RESULT update(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
	AUTO(shim_done) struct shim s = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(RESOURCES_MAX);

	(void)ret_exit;
	TRY(resources_of(options, &text));
	TRY(with_shim(args->v[0], &c, &s));
	return shim_update(&s, c.s.id, buf_bytes(&text));
}

#define OPTION(n, member, what)                                                                    \
	{                                                                                          \
		.name = (n), .kind = CLI_STRING,                                                   \
		.offset = offsetof(struct update_options, member), .value = "N", .help = (what)    \
	}

static const struct cli_option update_options[] = {
	{ .name = "resources",
		.letter = 'r',
		.kind = CLI_STRING,
		.offset = offsetof(struct update_options, resources),
		.value = "FILE",
		.help = "linux.resources as JSON, - is standard input; then nothing else counts" },
	OPTION("cpu-period", cpu_period, "CFS period, microseconds"),
	OPTION("cpu-quota", cpu_quota, "CFS quota, microseconds; -1: none"),
	OPTION("cpu-share", cpu_share, "weight against other containers"),
	OPTION("cpu-rt-period", cpu_rt_period, "real-time period, microseconds"),
	OPTION("cpu-rt-runtime", cpu_rt_runtime, "real-time budget, microseconds"),
	OPTION("cpuset-cpus", cpuset_cpus, "CPUs of the guest"),
	OPTION("cpuset-mems", cpuset_mems, "memory nodes of the guest"),
	OPTION("memory", memory, "limit in bytes; -1: none"),
	OPTION("memory-reservation", memory_reservation, "soft limit in bytes"),
	OPTION("memory-swap", memory_swap, "memory and swap in bytes; -1: no limit"),
	OPTION("kernel-memory", kernel_memory, "accepted"),
	OPTION("kernel-memory-tcp", kernel_memory_tcp, "accepted"),
	OPTION("pids-limit", pids_limit, "processes; -1: no limit"),
	OPTION("blkio-weight", blkio_weight, "weight of its block I/O"),
	{ 0 },
};

const struct cli_command cmd_update = {
	.name = "update",
	.summary = "change the limits of a container",
	.operands = "CONTAINER",
	.min_operands = 1,
	.max_operands = 1,
	.options = update_options,
	.options_size = sizeof(struct update_options),
	.run = update,
};

/* ---- what a virtual machine does not offer ---- */

static RESULT no_checkpoint(const void *options, const struct cli_args *args, int *ret_exit)
{
	(void)options;
	(void)args;
	(void)ret_exit;
	return err_new(ERR_UNSUPPORTED,
		"checkpoints are not supported: a guest's memory does not leave its machine");
}

const struct cli_command cmd_checkpoint = {
	.name = "checkpoint",
	.summary = "not supported",
	.operands = "CONTAINER",
	.max_operands = SIZE_MAX,
	.run = no_checkpoint,
};

const struct cli_command cmd_restore = {
	.name = "restore",
	.summary = "not supported",
	.operands = "CONTAINER",
	.max_operands = SIZE_MAX,
	.run = no_checkpoint,
};
