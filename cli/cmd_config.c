/* sealpod config: how pods of this host run, whether they can, and Kata's files as ours. */
#include "commands.h"
#include "show_checks.h"

#include <stdio.h>
#include <unistd.h>

#include <base/file.h>
#include <runtime/config.h>

enum {
	OUT_MAX = 1024 * 1024
};

struct config_options {
	const char *config, *handler, *platform;
};

#define OPTION(text, member, k)                                                                    \
	.name = (text), .kind = (k), .offset = offsetof(struct config_options, member)
#define OPTION_CONFIG                                                                              \
	{                                                                                          \
		OPTION("config", config, CLI_STRING),                                              \
			.value = "FILE",                                                           \
			.help = "configuration (" RUNTIME_CONFIG ", if it is there)"               \
	}
#define OPTION_HANDLER(what)                                                                       \
	{                                                                                          \
		OPTION("handler", handler, CLI_STRING), .value = "NAME", .help = (what)            \
	}

static RESULT print(struct buf *out)
{
	TRY(buf_end(out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(out));
}

/* The file is printed as JSON by way of the same reader that will read it. */
static RESULT add_json(struct buf *toml, struct json_writer *w)
{
	AUTO(json_freep) struct json *tree = NULL;

	TRY(toml_parse(buf_bytes(toml), &tree));
	jw_json(w, tree);
	return OK;
}

/* ---- show ---- */

static RESULT show(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct config_options *o = options;
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	AUTO(buf_done) struct buf toml = BUF_INIT(OUT_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w = jw_of(&out);

	(void)ret_exit;
	TRY(runtime_config_read(o->config, args->n ? args->v[0] : NULL, &c));
	if (failed(runtime_config_find(&c)))
		(void)fprintf(stderr, "sealpod: %s\n", err_text());
	TRY(runtime_config_print(&c, &toml));
	if (!args->json)
		return print(&toml);
	TRY(add_json(&toml, &w));
	buf_puts(&out, "\n");
	return print(&out);
}

static const struct cli_option show_options[] = { OPTION_CONFIG, { 0 } };

static const struct cli_command cmd_show = {
	.name = "show",
	.summary = "print the configuration of a handler, with everything that holds by default",
	.operands = "[HANDLER]",
	.max_operands = 1,
	.options = show_options,
	.options_size = sizeof(struct config_options),
	.run = show,
	.notes = "Without HANDLER: sealpod, which runs pods as containers without a TEE.",
};

/* ---- check ---- */

struct checking {
	const struct config_options *options;
	struct host_facts facts;
	bool json, colour, bad;
	struct json_writer w;
	struct buf *out;
};

static void checking_done(struct checking *c)
{
	host_facts_done(&c->facts);
}

static void check_handler(struct checking *k, const char *handler)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	struct host_checks checks = { 0 };
	bool read = !failed(runtime_config_read(k->options->config, handler, &c));
	bool good = read;

	if (read) {
		runtime_config_fit(&k->facts, &c, &checks);
		good = host_checks_pass(&checks);
	}
	k->bad |= !good;
	if (!k->json) {
		buf_printf(k->out, "%s (%s): %s\n", handler, read ? c.platform->name : "?",
			good   ? "pods can start here"
			: read ? "pods cannot start here"
			       : err_text());
		show_checks(&checks, k->colour, k->out);
		return;
	}
	jw_object(&k->w);
	jw_kstr(&k->w, "handler", handler);
	jw_kbool(&k->w, "good", good);
	if (read)
		jw_kstr(&k->w, "platform", c.platform->name);
	else
		jw_kstr(&k->w, "error", err_text());
	show_checks_json(&k->w, "checks", &checks);
	jw_object_end(&k->w);
}

/* What was asked for; else what the files name, and if that is nothing, the handler that engines
 * use when nobody says. */
static RESULT handlers_to_check(
	const struct config_options *o, const struct cli_args *args, struct strv *ret)
{
	for (size_t i = 0; i < args->n; i++)
		TRY(strv_add(ret, args->v[i]));
	if (ret->n == 0)
		TRY(runtime_config_handlers(o->config, false, ret));
	return ret->n == 0 ? strv_add(ret, RUNTIME_HANDLER) : OK;
}

static RESULT check(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(strv_done) struct strv handlers = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	AUTO(checking_done) struct checking k = {
		.options = options,
		.json = args->json,
		.colour = isatty(STDOUT_FILENO) == 1,
		.w = jw_of(&out),
		.out = &out,
	};

	TRY(handlers_to_check(options, args, &handlers));
	TRY(host_facts_read((1u << VM_ARCHS) - 1, &k.facts));
	if (args->json)
		jw_array(&k.w);
	for (size_t i = 0; i < handlers.n; i++)
		check_handler(&k, handlers.v[i]);
	if (args->json) {
		jw_array_end(&k.w);
		buf_puts(&out, "\n");
	}
	*ret_exit = k.bad ? 1 : 0;
	return print(&out);
}

static const struct cli_command cmd_check = {
	.name = "check",
	.summary = "explain whether pods of the configured handlers can start, and what to do",
	.operands = "[HANDLER...]",
	.max_operands = SIZE_MAX,
	.options = show_options,
	.options_size = sizeof(struct config_options),
	.run = check,
	.notes = "Without HANDLER: those that the files name. The exit status is 1 when one of "
		 "them\n"
		 "cannot start pods here.",
};

/* ---- import ---- */

static RESULT import(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct config_options *o = options;
	AUTO(config_import_result_done) struct config_import_result r = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w = jw_of(&out);
	const struct config_import i = {
		.file = args->v[0],
		.handler = o->handler,
		.platform = o->platform,
	};

	(void)ret_exit;
	TRY(runtime_config_import(&i, &r));
	if (!args->json)
		return print(&r.toml);
	jw_object(&w);
	jw_kstr(&w, "handler", r.config.handler);
	jw_kstr(&w, "platform", r.config.platform->name);
	jw_key(&w, "config");
	TRY(add_json(&r.toml, &w));
	jw_key(&w, "unused");
	jw_raw(&w, buf_bytes(&r.unused));
	jw_object_end(&w);
	buf_puts(&out, "\n");
	return print(&out);
}

static const struct cli_option import_options[] = {
	OPTION_HANDLER("name of the handler (the built-in one of the platform)"),
	{ OPTION("platform", platform, CLI_CHOICE), .choices = "tdx|snp|sev|sev-es|se|vtpm|none",
		.help = "what protects the guest (as the file has it)" },
	{ 0 },
};

static const struct cli_command cmd_import = {
	.name = "import",
	.summary = "print a configuration.toml of Kata Containers as one of Sealpod",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.options = import_options,
	.options_size = sizeof(struct config_options),
	.run = import,
	.notes =
		"Files of config.d/ beside it are read as well. What has no counterpart is listed\n"
		"as comments, each with the reason.\n\n"
		"sealpod config import /opt/kata/share/defaults/kata-containers/"
		"configuration-qemu-snp.toml \\\n"
		"    > /etc/sealpod/config.d/snp.toml",
};

const struct cli_command cmd_config = {
	.name = "config",
	.summary = "how pods run on this host: show, check, import from Kata Containers",
	.commands = (const struct cli_command *const[]){ &cmd_show, &cmd_check, &cmd_import, NULL },
};
