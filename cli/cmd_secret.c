/* sealpod secret: sealed secrets, for Kubernetes Secrets that say nothing to the cluster. */
#include "commands.h"

#include <base/file.h>
#include <keybroker-client/sealed_secret.h>

enum {
	TEXT_MAX = 64 * 1024,
	SECRET_MODE = 0600,
	PUBLIC_MODE = 0644
};

static RESULT print(struct buf *out)
{
	buf_u8(out, '\n');
	TRY(buf_end(out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(out));
}

/* ---- keygen ---- */

struct keygen_options {
	bool force;
};
static const struct cli_option keygen_table[] = {
	{ .name = "force",
		.kind = CLI_FLAG,
		.offset = offsetof(struct keygen_options, force),
		.help = "replace existing files" },
	{ 0 },
};

static RESULT write_new(const char *path, struct bytes data, mode_t mode, bool force)
{
	if (!force && file_exists(path))
		return err_new(ERR_USAGE, "%s exists already (--force replaces it)", path);
	return file_write_atomic(path, data, mode);
}

static RESULT keygen(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct keygen_options *o = options;
	AUTO(key_freep) struct key *key = NULL;
	AUTO(secret_freep) struct secret *private_pem = NULL;
	AUTO(buf_done) struct buf jwk = BUF_INIT(TEXT_MAX);
	AUTO(auto_free) char *private_path = NULL;
	AUTO(auto_free) char *public_path = NULL;

	(void)ret_exit;
	TRY(str_format(&private_path, "%s.key", args->v[0]));
	TRY(str_format(&public_path, "%s.jwk", args->v[0]));
	TRY(key_generate(KEY_P256, &key));
	TRY(key_private_pem(key, &private_pem));
	TRY(jwk_print(key, jose_alg_name(JOSE_ES256), &jwk));
	TRY(write_new(private_path, secret_bytes(private_pem), SECRET_MODE, o->force));
	return write_new(public_path, buf_bytes(&jwk), PUBLIC_MODE, true);
}

static const struct cli_command cmd_keygen = {
	.name = "keygen",
	.summary = "make the key pair that seals: PREFIX.key and PREFIX.jwk",
	.operands = "PREFIX",
	.min_operands = 1,
	.max_operands = 1,
	.options = keygen_table,
	.options_size = sizeof(struct keygen_options),
	.run = keygen,
	.notes = "Then: sealpod kbs resource set REPO/TYPE/TAG PREFIX.jwk --dir DIR",
};

/* ---- seal ---- */

struct seal_options {
	const char *key, *kid;
};
static const struct cli_option seal_table[] = {
	{ .name = "key",
		.kind = CLI_STRING,
		.offset = offsetof(struct seal_options, key),
		.value = "FILE",
		.help = "private key (PEM, or a private JWK)",
		.required = true },
	{ .name = "kid",
		.kind = CLI_STRING,
		.offset = offsetof(struct seal_options, kid),
		.value = "URI",
		.help = "where guests get the public key: kbs:///REPO/TYPE/TAG",
		.required = true },
	{ 0 },
};

static RESULT read_key(const char *path, struct key **ret_key)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	AUTO(json_freep) struct json *jwk = NULL;
	struct err e;

	TRY(file_read(path, &text));
	e = key_parse_private(buf_bytes(&text), ret_key);
	if (failed(e) && !failed(json_parse(buf_bytes(&text), &jwk)))
		e = jwk_parse(jwk, ret_key);
	bytes_wipe(text.p, text.n);
	return failed(e) ? err_add(e, "key %s", path) : OK;
}

static RESULT seal(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct seal_options *o = options;
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(TEXT_MAX);

	(void)ret_exit;
	TRY(read_key(o->key, &key));
	TRY(sealed_secret_make(key, o->kid, args->v[0], &out));
	return print(&out);
}

static const struct cli_command cmd_seal = {
	.name = "seal",
	.summary = "print what stands for a resource in a Kubernetes Secret",
	.operands = "URI",
	.min_operands = 1,
	.max_operands = 1,
	.options = seal_table,
	.options_size = sizeof(struct seal_options),
	.run = seal,
	.notes = "URI is kbs:///REPO/TYPE/TAG. The resource itself is not read.",
};

/* ---- show ---- */

static RESULT show_json(const struct sealed_secret *s, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "kid", s->kid);
	jw_kstr(&w, "name", s->name);
	jw_object_end(&w);
	return OK;
}

static RESULT show(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(TEXT_MAX);
	AUTO(sealed_secret_done) struct sealed_secret s = { 0 };

	(void)options;
	(void)ret_exit;
	TRY(file_read(args->v[0], &text));
	struct bytes trimmed = buf_bytes(&text);
	while (trimmed.n > 0 && trimmed.p[trimmed.n - 1] == '\n')
		trimmed.n--;
	TRY(sealed_secret_parse(trimmed, &s));
	if (args->json)
		TRY(show_json(&s, &out));
	else
		buf_printf(&out, "resource:  %s\nsigned by: %s (not checked here)", s.name, s.kid);
	return print(&out);
}

static const struct cli_command cmd_show = {
	.name = "show",
	.summary = "print what a sealed secret names",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.run = show,
	.notes = "- is standard input.",
};

static const struct cli_command *const commands[] = { &cmd_keygen, &cmd_seal, &cmd_show, NULL };

const struct cli_command cmd_secret = {
	.name = "secret",
	.summary = "sealed secrets: what Kubernetes holds instead of the value",
	.commands = commands,
};
