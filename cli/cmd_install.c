/* sealpod install, sealpod uninstall: container engines told of Sealpod, and no longer. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include <base/file.h>
#include <runtime/engine.h>
#include <runtime/host_probe.h>

enum {
	OUT_MAX = 4 * 1024 * 1024
};

struct install_options {
	struct strv handlers;
	const char *root, *file, *bin_dir, *config;
	bool dry_run, no_restart;
};

#define OPTION(text, member, k)                                                                    \
	.name = (text), .kind = (k), .offset = offsetof(struct install_options, member)
#define OPTIONS_OF_BOTH                                                                            \
	{ OPTION("dry-run", dry_run, CLI_FLAG),                                                    \
		.help = "show what would change, change nothing" },                                \
		{ OPTION("no-restart", no_restart, CLI_FLAG),                                      \
			.help = "leave the engine running with what it has read" },                \
		{ OPTION("file", file, CLI_STRING), .value = "FILE",                               \
			.help = "the engine's configuration (its usual one)" },                    \
		{ OPTION("bin-dir", bin_dir, CLI_STRING), .value = "DIR",                          \
			.help = "where Sealpod's programs are (this one's directory)" },           \
	{                                                                                          \
		OPTION("root", root, CLI_STRING),                                                  \
			.value = "DIR",                                                            \
			.help = "change files below it, start nothing: for images of hosts"        \
	}

static const struct cli_option install_options[] = {
	{ OPTION("handler", handlers, CLI_LIST), .value = "NAME",
		.help = "handler to install; repeatable (those that can run here)" },
	{ OPTION("config", config, CLI_STRING), .value = "FILE",
		.help = "configuration that the handlers use (" RUNTIME_CONFIG ")" },
	OPTIONS_OF_BOTH,
	{ 0 },
};

static const struct cli_option uninstall_options[] = { OPTIONS_OF_BOTH, { 0 } };

static void say(void *arg, const char *line)
{
	(void)arg;
	(void)fprintf(stderr, "%s\n", line);
}

static RESULT begin(const struct install_options *o, const struct cli_args *args,
	struct engine_change *ret_change)
{
	*ret_change = (struct engine_change){
		.root = o->root ? o->root : "",
		.file = o->file,
		.bin_dir = o->bin_dir ? o->bin_dir
			   : o->root  ? "/usr/bin"
				      : NULL,
		.config = o->config,
		.dry_run = o->dry_run,
		.no_restart = o->no_restart,
		.say = say,
	};
	return engine_find(args->v[0], &ret_change->engine);
}

/* ---- which handlers ---- */

static bool can_run(const struct host_facts *f, const struct runtime_config *c)
{
	const struct host_question q = {
		.platform = c->platform,
		.firmware = c->firmware,
		.quote_socket = c->quote_socket,
	};
	struct host_checks checks;

	host_probe(f, &q, &checks);
	return host_checks_pass(&checks);
}

/* The handler without a platform is always among them: it needs nothing but QEMU. */
static RESULT usual_handlers(const char *config, struct strv *ret)
{
	AUTO(strv_done) struct strv all = { 0 };
	AUTO(host_facts_done) struct host_facts f = { 0 };

	TRY(runtime_config_handlers(config, true, &all));
	TRY(host_facts_read((1u << VM_ARCHS) - 1, &f));
	for (size_t i = 0; i < all.n; i++) {
		AUTO(runtime_config_done) struct runtime_config c = { 0 };

		TRY(runtime_config_read(config, all.v[i], &c));
		if (str_equal(all.v[i], RUNTIME_HANDLER) || can_run(&f, &c))
			TRY(strv_add(ret, all.v[i]));
	}
	return OK;
}

static RESULT choose_handlers(const struct install_options *o, struct strv *ret)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };

	if (o->handlers.n == 0)
		return usual_handlers(o->config, ret);
	for (size_t i = 0; i < o->handlers.n; i++) {
		TRY(runtime_config_read(o->config, o->handlers.v[i], &c));
		runtime_config_done(&c);
		TRY(strv_add(ret, o->handlers.v[i]));
	}
	return OK;
}

static RESULT runtime_classes(
	const struct install_options *o, const struct strv *handlers, struct buf *out)
{
	for (size_t i = 0; i < handlers->n; i++) {
		AUTO(runtime_config_done) struct runtime_config c = { 0 };

		TRY(runtime_config_read(o->config, handlers->v[i], &c));
		engine_runtime_class(&c, out);
	}
	return buf_end(out, "RuntimeClass");
}

/* ---- output ---- */

static RESULT print_json(const struct engine_change *c, const struct strv *handlers,
	struct engine_result *r, struct buf *classes)
{
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w = jw_of(&out);

	jw_object(&w);
	jw_kstr(&w, "engine", engine_name(c->engine));
	jw_kstr(&w, "file", r->file);
	jw_kbool(&w, "changed", r->changed);
	jw_kbool(&w, "dry_run", c->dry_run);
	jw_key(&w, "handlers");
	jw_array(&w);
	for (size_t i = 0; i < handlers->n; i++)
		jw_str(&w, handlers->v[i]);
	jw_array_end(&w);
	jw_key(&w, "diff");
	jw_bytes_str(&w, buf_bytes(&r->diff));
	if (classes->n > 0) {
		jw_key(&w, "runtime_classes");
		jw_bytes_str(&w, buf_bytes(classes));
	}
	jw_object_end(&w);
	buf_puts(&out, "\n");
	TRY(buf_end(&out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

static RESULT print(const struct cli_args *args, const struct engine_change *c,
	const struct strv *handlers, struct engine_result *r, struct buf *classes)
{
	if (args->json)
		return print_json(c, handlers, r, classes);
	(void)fflush(stdout);
	TRY(fd_write_all(STDERR_FILENO, buf_bytes(&r->diff)));
	return fd_write_all(STDOUT_FILENO, buf_bytes(classes));
}

static RESULT install(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct install_options *o = options;
	AUTO(strv_done) struct strv handlers = { 0 };
	AUTO(engine_result_done) struct engine_result r = { 0 };
	AUTO(buf_done) struct buf classes = BUF_INIT(OUT_MAX);
	struct engine_change c;

	(void)ret_exit;
	TRY(begin(o, args, &c));
	TRY(choose_handlers(o, &handlers));
	c.handlers = &handlers;
	TRY(engine_install(&c, &r));
	if (c.engine == ENGINE_CONTAINERD || c.engine == ENGINE_CRIO)
		TRY(runtime_classes(o, &handlers, &classes));
	return print(args, &c, &handlers, &r, &classes);
}

static RESULT uninstall(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(engine_result_done) struct engine_result r = { 0 };
	AUTO(buf_done) struct buf none = BUF_INIT(0);
	const struct strv nobody = { 0 };
	struct engine_change c;

	(void)ret_exit;
	TRY(begin(options, args, &c));
	TRY(engine_uninstall(&c, &r));
	return print(args, &c, &nobody, &r, &none);
}

const struct cli_command cmd_install = {
	.name = "install",
	.summary = "tell a container engine of Sealpod, as one transaction",
	.operands = "containerd|crio|docker|podman",
	.min_operands = 1,
	.max_operands = 1,
	.words = "containerd|crio|docker|podman",
	.options = install_options,
	.options_size = sizeof(struct install_options),
	.run = install,
	.notes = "The engine itself checks the new configuration before it is put in place; when "
		 "it\n"
		 "does not come up with it, the old one is put back. The difference goes to "
		 "standard\n"
		 "error, RuntimeClasses of Kubernetes to standard output:\n\n"
		 "sealpod install containerd | kubectl apply -f -",
};

const struct cli_command cmd_uninstall = {
	.name = "uninstall",
	.summary = "take Sealpod out of a container engine's configuration again",
	.operands = "containerd|crio|docker|podman",
	.min_operands = 1,
	.max_operands = 1,
	.words = "containerd|crio|docker|podman",
	.options = uninstall_options,
	.options_size = sizeof(struct install_options),
	.run = uninstall,
};
