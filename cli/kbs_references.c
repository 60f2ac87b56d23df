/* Signed manifests of guest images: signing them, and the broker's records of them. */
#include "kbs_references.h"

#include "kbs_admin.h"

#include <stdio.h>
#include <unistd.h>

#include <base/cbor.h>
#include <base/clock.h>
#include <base/file.h>
#include <crypto/key.h>
#include <measured-boot/manifest.h>

enum {
	PEM_MAX = 64 * 1024,
	BODY_MAX = 4 * 1024 * 1024,
	OVERLAP_MAX_S = 90 * 24 * 3600
};

#define PATH "reference-manifest"

/* ---- import ---- */

struct import_options {
	struct kbs_admin_options admin;
	const char *key, *signature, *name;
	bool debug_variant;
	uint64_t overlap;
};

/* A JSON form's signature lies beside it, unless it is named. */
static RESULT read_signature(const char *file, const char *named, struct buf *ret)
{
	AUTO(auto_free) char *beside = NULL;

	if (named)
		return file_read(named, ret);
	TRY(str_format(&beside, "%s.sig", file));
	return file_exists(beside) ? file_read(beside, ret) : OK;
}

/* A CoRIM does: CBOR whose first byte is a tag. No text begins with such a byte. */
static bool carries_signature(struct bytes data)
{
	enum {
		MAJOR_SHIFT = 5
	};

	return data.n > 0 && data.p[0] >> MAJOR_SHIFT == CBOR_TAG;
}

static RESULT make_import(const struct import_options *o, const char *file, struct buf *body)
{
	AUTO(buf_done) struct buf data = BUF_INIT(MANIFEST_FILE_MAX), key = BUF_INIT(PEM_MAX);
	AUTO(buf_done) struct buf signature = BUF_INIT(MANIFEST_SIGNATURE_MAX);
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
	AUTO(key_freep) struct key *public = NULL;
	struct json_writer w = jw_of(body);
	const char *text;

	TRY(file_read(file, &data));
	if (!carries_signature(buf_bytes(&data)) || o->signature)
		TRY(read_signature(file, o->signature, &signature));
	TRY(file_read(o->key, &key));
	struct err e = key_parse_public(buf_bytes(&key), &public);
	if (failed(e))
		return err_add(e, "%s", o->key);
	TRY(key_public_pem(public, &pem));
	text = buf_cstr(&pem);
	jw_object(&w);
	jw_kbase64(&w, "manifest", buf_bytes(&data));
	if (signature.n > 0)
		jw_kbase64(&w, "signature", buf_bytes(&signature));
	jw_kstr(&w, "key", text ? text : "");
	if (o->name)
		jw_kstr(&w, "name", o->name);
	jw_kbool(&w, "debug_variant", o->debug_variant);
	jw_ku64(&w, "overlap_s", o->overlap);
	jw_object_end(&w);
	return buf_end(body, "import");
}

static RESULT print_line(const struct buf *out)
{
	TRY(fd_write_all(STDOUT_FILENO, buf_bytes(out)));
	return fd_write_all(STDOUT_FILENO, bytes_str("\n"));
}

static const char *text_of(const struct json *j, const char *pointer)
{
	const char *s = json_string(json_pointer(j, pointer));

	return s ? s : "?";
}

static uint64_t number_of(const struct json *j, const char *pointer)
{
	uint64_t v = 0;

	return json_u64(json_pointer(j, pointer), &v) ? v : 0;
}

static bool flag_of(const struct json *j, const char *pointer)
{
	bool v = false;

	return json_bool(json_pointer(j, pointer), &v) && v;
}

static void print_import(const struct json *a)
{
	printf("%s version %llu%s", text_of(a, "/image"),
		(unsigned long long)number_of(a, "/version"),
		flag_of(a, "/debug_variant") ? " with its debug variant" : "");
	if (!flag_of(a, "/changed"))
		printf(": nothing to change\n");
	else if (json_get(a, "replaces"))
		printf(" replaces version %llu\n", (unsigned long long)number_of(a, "/replaces"));
	else
		printf(" imported\n");
}

static RESULT import(const void *opts, const struct cli_args *args, int *ret_exit)
{
	const struct import_options *o = opts;
	AUTO(buf_done) struct buf body = BUF_INIT(BODY_MAX), out = BUF_INIT(BODY_MAX);
	AUTO(json_freep) struct json *answer = NULL;

	(void)ret_exit;
	TRY(make_import(o, args->v[0], &body));
	struct kbs_admin_call c = { .method = "POST", .path = PATH, .body = buf_bytes(&body) };
	TRY(kbs_admin_do(&o->admin, &c, &out));
	if (args->json)
		return print_line(&out);
	TRY(json_parse(buf_bytes(&out), &answer));
	print_import(answer);
	return OK;
}

static const struct cli_option import_options[] = {
	KBS_ADMIN_OPTIONS,
	{ .name = "key",
		.kind = CLI_STRING,
		.value = "FILE",
		.required = true,
		.offset = offsetof(struct import_options, key),
		.help = "public key (PEM) of who must have signed" },
	{ .name = "signature",
		.kind = CLI_STRING,
		.value = "FILE",
		.offset = offsetof(struct import_options, signature),
		.help = "signature of a JSON form (FILE.sig)" },
	{ .name = "name",
		.kind = CLI_STRING,
		.value = "IMAGE",
		.offset = offsetof(struct import_options, name),
		.help = "image of a Trustee message, which has no name" },
	{ .name = "debug-variant",
		.kind = CLI_FLAG,
		.offset = offsetof(struct import_options, debug_variant),
		.help = "accept the image's debug variant too" },
	{ .name = "overlap",
		.kind = CLI_U64,
		.value = "SECONDS",
		.max = OVERLAP_MAX_S,
		.offset = offsetof(struct import_options, overlap),
		.help = "how long the version replaced stays accepted (0)" },
	{ 0 },
};
const struct cli_command cmd_manifest_import = {
	.name = "import",
	.summary = "accept what a signed manifest lists",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.options = import_options,
	.options_size = sizeof(struct import_options),
	.run = import,
};

/* ---- list, show, remove ---- */

static const struct cli_option admin_options[] = {
	KBS_ADMIN_OPTIONS,
	{ 0 },
};

static void print_record(const struct json *r)
{
	char until[RFC3339_SIZE] = "";
	int64_t end = 0;

	printf("%s\t%llu\t%s%s\tsigned by %.16s\timported %s", text_of(r, "/name"),
		(unsigned long long)number_of(r, "/version"), text_of(r, "/form"),
		flag_of(r, "/debug_variant") ? ", debug variant" : "", text_of(r, "/signer"),
		text_of(r, "/imported"));
	if (json_i64(json_pointer(r, "/previous/until"), &end)) {
		clock_format(end, until);
		printf("\tversion %llu until %s",
			(unsigned long long)number_of(r, "/previous/version"), until);
	}
	printf("\n");
}

static RESULT list(const void *opts, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf out = BUF_INIT(BODY_MAX);
	AUTO(json_freep) struct json *records = NULL;
	struct kbs_admin_call c = { .method = "GET", .path = PATH };

	(void)ret_exit;
	TRY(kbs_admin_do(opts, &c, &out));
	if (args->json)
		return print_line(&out);
	TRY(json_parse(buf_bytes(&out), &records));
	for (size_t i = 0; i < json_count(records); i++)
		print_record(json_at(records, i));
	return OK;
}

const struct cli_command cmd_manifest_list = {
	.name = "list",
	.summary = "images whose manifests are in force",
	.options = admin_options,
	.options_size = sizeof(struct kbs_admin_options),
	.run = list,
};

static RESULT show(const void *opts, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf out = BUF_INIT(BODY_MAX);
	AUTO(auto_free) char *path = NULL;
	struct kbs_admin_call c = { .method = "GET" };

	(void)ret_exit;
	TRY(str_format(&path, PATH "/%s", args->v[0]));
	c.path = path;
	TRY(kbs_admin_do(opts, &c, &out));
	return print_line(&out);
}

const struct cli_command cmd_manifest_show = {
	.name = "show",
	.summary = "an image's manifest, who signed it and when it came",
	.operands = "IMAGE",
	.min_operands = 1,
	.max_operands = 1,
	.options = admin_options,
	.options_size = sizeof(struct kbs_admin_options),
	.run = show,
};

static RESULT remove_manifest(const void *opts, const struct cli_args *args, int *ret_exit)
{
	AUTO(auto_free) char *path = NULL;
	struct kbs_admin_call c = { .method = "DELETE" };

	(void)ret_exit;
	TRY(str_format(&path, PATH "/%s", args->v[0]));
	c.path = path;
	return kbs_admin_do(opts, &c, NULL);
}

const struct cli_command cmd_manifest_remove = {
	.name = "remove",
	.summary = "accept an image no more",
	.operands = "IMAGE",
	.min_operands = 1,
	.max_operands = 1,
	.options = admin_options,
	.options_size = sizeof(struct kbs_admin_options),
	.run = remove_manifest,
};

/* ---- sign ---- */

struct sign_options {
	const char *key, *signer, *corim;
};

static RESULT read_private(const char *file, struct key **ret_key)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);

	TRY(file_read(file, &pem));
	struct err e = key_parse_private(buf_bytes(&pem), ret_key);
	bytes_wipe(pem.p, pem.n);
	return failed(e) ? err_add(e, "%s", file) : OK;
}

/* A manifest is read before it is signed: nobody signs what no broker would take. */
static RESULT sign(const void *opts, const struct cli_args *args, int *ret_exit)
{
	const struct sign_options *o = opts;
	AUTO(buf_done) struct buf json = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf signature = BUF_INIT(MANIFEST_SIGNATURE_MAX);
	AUTO(buf_done) struct buf corim = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(key_freep) struct key *key = NULL;
	AUTO(auto_free) char *path = NULL;
	enum manifest_form form;

	(void)ret_exit;
	TRY(read_private(o->key, &key));
	TRY(file_read(args->v[0], &json));
	TRY(manifest_peek(buf_bytes(&json), &form, &m));
	if (form == MANIFEST_CORIM)
		return err_new(
			ERR_USAGE, "%s: sign the JSON form; --corim writes the other", args->v[0]);
	if (o->corim && form != MANIFEST_JSON)
		return err_new(ERR_USAGE, "%s: a Trustee message makes no CoRIM", args->v[0]);
	TRY(manifest_sign_json(buf_bytes(&json), key, &signature));
	TRY(str_format(&path, "%s.sig", args->v[0]));
	TRY(file_write_atomic(path, buf_bytes(&signature), 0644));
	if (!o->corim)
		return OK;
	TRY(manifest_sign_corim(&m, key, o->signer ? o->signer : m.name, &corim));
	return file_write_atomic(o->corim, buf_bytes(&corim), 0644);
}

static const struct cli_option sign_options[] = {
	{ .name = "key",
		.kind = CLI_STRING,
		.value = "FILE",
		.required = true,
		.offset = offsetof(struct sign_options, key),
		.help = "private key (PEM): Ed25519, P-256 or P-384" },
	{ .name = "corim",
		.kind = CLI_STRING,
		.value = "FILE",
		.offset = offsetof(struct sign_options, corim),
		.help = "also write it as a signed CoRIM" },
	{ .name = "signer",
		.kind = CLI_STRING,
		.value = "NAME",
		.offset = offsetof(struct sign_options, signer),
		.help = "who signs, in the CoRIM (the image's name)" },
	{ 0 },
};
const struct cli_command cmd_manifest_sign = {
	.name = "sign",
	.summary = "sign an image's reference-values.json",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.options = sign_options,
	.options_size = sizeof(struct sign_options),
	.run = sign,
};
