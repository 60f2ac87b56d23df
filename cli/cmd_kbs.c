/* sealpod kbs: administer a key broker. */
#include "commands.h"
#include "kbs_get.h"
#include "kbs_init.h"
#include "kbs_references.h"

#include <stdint.h>
#include <stdio.h>

#include <base/cli.h>
#include <base/encode.h>
#include <base/file.h>

enum {
	BODY_MAX = 2 * 1024 * 1024,
	LIFETIME_MAX_S = 365 * 24 * 3600,
	LIFETIME_S = 300
};

static RESULT print(const struct buf *b)
{
	bool ends = b->n > 0 && b->p[b->n - 1] == '\n';

	TRY(fd_write_all(STDOUT_FILENO, buf_bytes(b)));
	return ends ? OK : fd_write_all(STDOUT_FILENO, bytes_str("\n"));
}

static RESULT call(const void *options, const char *method, const char *path, struct bytes body)
{
	struct kbs_admin_call c = { .method = method, .path = path, .body = body };

	return kbs_admin_do(options, &c, NULL);
}

static RESULT show(const void *options, const char *path)
{
	AUTO(buf_done) struct buf out = BUF_INIT(BODY_MAX);
	struct kbs_admin_call c = { .method = "GET", .path = path };

	TRY(kbs_admin_do(options, &c, &out));
	return print(&out);
}

static RESULT resource_set(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf value = BUF_INIT(BODY_MAX);
	AUTO(auto_free) char *path = NULL;

	(void)ret_exit;
	TRY(file_read(args->v[1], &value));
	TRY(str_format(&path, "resource/%s", args->v[0]));
	struct err e = call(options, "POST", path, buf_bytes(&value));
	bytes_wipe(value.p, value.n);
	return e;
}

static RESULT resource_delete(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(auto_free) char *path = NULL;

	(void)ret_exit;
	TRY(str_format(&path, "resource/%s", args->v[0]));
	return call(options, "DELETE", path, BYTES_NONE);
}

static RESULT resource_list(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf out = BUF_INIT(BODY_MAX);
	AUTO(json_freep) struct json *names = NULL;
	struct kbs_admin_call c = { .method = "GET", .path = "resource" };

	(void)ret_exit;
	TRY(kbs_admin_do(options, &c, &out));
	if (args->json)
		return print(&out);
	TRY(json_parse(buf_bytes(&out), &names));
	for (size_t i = 0; i < json_count(names); i++)
		printf("%s\n",
			json_string(json_at(names, i)) ? json_string(json_at(names, i)) : "");
	return OK;
}

static RESULT resource_get(const void *options, const struct cli_args *args, int *ret_exit)
{
	(void)ret_exit;
	return kbs_get(options, args->v[0]);
}

static RESULT policy_set(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf text = BUF_INIT(BODY_MAX);
	AUTO(buf_done) struct buf body = BUF_INIT(BODY_MAX);
	struct json_writer w = jw_of(&body);

	(void)ret_exit;
	TRY(file_read(args->v[0], &text));
	jw_object(&w);
	jw_kbase64url(&w, "policy", buf_bytes(&text));
	jw_object_end(&w);
	TRY(buf_end(&body, "policy"));
	return call(options, "POST", "resource-policy", buf_bytes(&body));
}

static RESULT policy_get(const void *options, const struct cli_args *args, int *ret_exit)
{
	(void)args;
	(void)ret_exit;
	return show(options, "resource-policy/resource-policy");
}

static RESULT send_references(const void *options, const char *type, struct bytes payload)
{
	AUTO(buf_done) struct buf body = BUF_INIT(2 * BODY_MAX);
	struct json_writer w = jw_of(&body);

	jw_object(&w);
	jw_kstr(&w, "version", "0.1.0");
	jw_kstr(&w, "type", type);
	jw_kbase64(&w, "payload", payload);
	jw_object_end(&w);
	TRY(buf_end(&body, "reference values"));
	return call(options, "POST", "reference-value", buf_bytes(&body));
}

static RESULT reference_add(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf text = BUF_INIT(BODY_MAX);
	struct json_writer w = jw_of(&text);

	(void)ret_exit;
	jw_object(&w);
	jw_ku64(&w, "version", 1);
	jw_key(&w, "reference_values");
	jw_object(&w);
	jw_key(&w, args->v[0]);
	jw_array(&w);
	for (size_t i = 1; i < args->n; i++)
		jw_str(&w, args->v[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	jw_object_end(&w);
	TRY(buf_end(&text, "reference values"));
	return send_references(options, "sealpod", buf_bytes(&text));
}

static RESULT reference_get(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(auto_free) char *path = NULL;

	(void)ret_exit;
	TRY(str_format(
		&path, "reference-value%s%s", args->n ? "/" : "", args->n ? args->v[0] : ""));
	return show(options, path);
}

static RESULT reference_delete(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(auto_free) char *path = NULL;

	(void)ret_exit;
	TRY(str_format(&path, "reference-value/%s", args->v[0]));
	return call(options, "DELETE", path, BYTES_NONE);
}

struct token_options {
	const char *admin_key;
	uint64_t lifetime;
};

static RESULT token(const void *opts, const struct cli_args *args, int *ret_exit)
{
	const struct token_options *o = opts;
	AUTO(buf_done) struct buf text = BUF_INIT(BODY_MAX);

	(void)args;
	(void)ret_exit;
	TRY(kbs_admin_token(o->admin_key, o->lifetime ? (int64_t)o->lifetime : LIFETIME_S, &text));
	return print(&text);
}

static RESULT init(const void *opts, const struct cli_args *args, int *ret_exit)
{
	(void)ret_exit;
	return kbs_init(args->v[0], opts);
}

static const struct cli_option admin_options[] = {
	KBS_ADMIN_OPTIONS,
	{ 0 },
};

#define ADMIN_COMMAND(id, word, text, takes, least, most, fn)                                      \
	static const struct cli_command id = {                                                     \
		.name = (word),                                                                    \
		.summary = (text),                                                                 \
		.operands = (takes),                                                               \
		.min_operands = (least),                                                           \
		.max_operands = (most),                                                            \
		.options = admin_options,                                                          \
		.options_size = sizeof(struct kbs_admin_options),                                  \
		.run = (fn),                                                                       \
	}

ADMIN_COMMAND(
	cmd_resource_set, "set", "store a resource", "REPO/TYPE/TAG FILE", 2, 2, resource_set);
ADMIN_COMMAND(
	cmd_resource_delete, "delete", "remove a resource", "REPO/TYPE/TAG", 1, 1, resource_delete);
ADMIN_COMMAND(cmd_resource_list, "list", "names of the resources", NULL, 0, 0, resource_list);
ADMIN_COMMAND(cmd_policy_set, "set", "replace the release policy", "FILE", 1, 1, policy_set);
ADMIN_COMMAND(cmd_policy_get, "get", "print the release policy", NULL, 0, 0, policy_get);
ADMIN_COMMAND(cmd_reference_add, "add", "accept further values", "ID VALUE...", 2, SIZE_MAX,
	reference_add);
ADMIN_COMMAND(cmd_reference_get, "get", "print reference values", "[ID]", 0, 1, reference_get);
ADMIN_COMMAND(
	cmd_reference_delete, "delete", "accept no value any more", "ID", 1, 1, reference_delete);

static const struct cli_option get_options[] = {
	KBS_ADMIN_OPTIONS,
	{ .name = "token",
		.kind = CLI_STRING,
		.value = "FILE",
		.required = true,
		.offset = offsetof(struct kbs_get_options, token),
		.help = "a guest's token and key, as its /aa/token answers" },
	{ 0 },
};
static const struct cli_command cmd_resource_get = {
	.name = "get",
	.summary = "fetch a resource with a guest's token",
	.operands = "REPO/TYPE/TAG",
	.min_operands = 1,
	.max_operands = 1,
	.options = get_options,
	.options_size = sizeof(struct kbs_get_options),
	.run = resource_get,
};

static const struct cli_command cmd_resource = {
	.name = "resource",
	.summary = "what the broker keeps for guests",
	.commands = (const struct cli_command *const[]){ &cmd_resource_set, &cmd_resource_get,
		&cmd_resource_delete, &cmd_resource_list, NULL },
};
static const struct cli_command cmd_release_policy = {
	.name = "policy",
	.summary = "which guest gets which resource",
	.commands = (const struct cli_command *const[]){ &cmd_policy_set, &cmd_policy_get, NULL },
};
static const struct cli_command *const reference_commands[] = { &cmd_manifest_import,
	&cmd_manifest_list, &cmd_manifest_show, &cmd_manifest_remove, &cmd_manifest_sign,
	&cmd_reference_add, &cmd_reference_get, &cmd_reference_delete, NULL };
static const struct cli_command cmd_reference_values = {
	.name = "reference-values",
	.summary = "measurements that guests may have",
	.commands = reference_commands,
};
static const struct cli_command cmd_reference = {
	.name = "reference",
	.summary = "short for reference-values",
	.commands = reference_commands,
};

static const struct cli_option token_options[] = {
	{ .name = "admin-key",
		.kind = CLI_STRING,
		.value = "FILE",
		.required = true,
		.offset = offsetof(struct token_options, admin_key),
		.help = "Ed25519 private key (PEM)" },
	{ .name = "lifetime",
		.kind = CLI_U64,
		.value = "SECONDS",
		.max = LIFETIME_MAX_S,
		.offset = offsetof(struct token_options, lifetime),
		.help = "default: 300" },
	{ 0 },
};
static const struct cli_command cmd_token = {
	.name = "token",
	.summary = "make an admin token",
	.options = token_options,
	.options_size = sizeof(struct token_options),
	.run = token,
};

static const struct cli_option init_options[] = {
	{ .name = "host",
		.kind = CLI_LIST,
		.value = "NAME",
		.offset = offsetof(struct kbs_init_options, hosts),
		.help = "name or address guests reach the broker by; may be repeated" },
	{ .name = "listen",
		.kind = CLI_STRING,
		.value = "ADDRESS",
		.offset = offsetof(struct kbs_init_options, listen),
		.help = "default: 127.0.0.1" },
	{ .name = "port",
		.kind = CLI_U64,
		.value = "N",
		.max = UINT16_MAX,
		.offset = offsetof(struct kbs_init_options, port),
		.help = "default: 8080" },
	{ .name = "software-root",
		.kind = CLI_LIST,
		.value = "FILE",
		.offset = offsetof(struct kbs_init_options, software_roots),
		.help = "root of simulated platforms (PEM); their claims say 'simulated'" },
	{ .name = "hardware-root",
		.kind = CLI_LIST,
		.value = "FILE",
		.offset = offsetof(struct kbs_init_options, hardware_roots),
		.help = "root of hardware platforms (PEM)" },
	{ 0 },
};
static const struct cli_command cmd_init = {
	.name = "init",
	.summary = "make keys, certificates and a configuration for sealpod-kbs",
	.operands = "DIR",
	.min_operands = 1,
	.max_operands = 1,
	.options = init_options,
	.options_size = sizeof(struct kbs_init_options),
	.run = init,
};

const struct cli_command cmd_kbs = {
	.name = "kbs",
	.summary = "administer a key broker",
	.commands = (const struct cli_command *const[]){ &cmd_init, &cmd_resource,
		&cmd_release_policy, &cmd_reference_values, &cmd_reference, &cmd_token, NULL },
};
