/* sealpod measure id-block: what SNP firmware checks before a guest starts, made and looked at. */
#include "measure.h"

#include <inttypes.h>

#include <base/encode.h>
#include <base/file.h>
#include <measured-boot/id_block.h>

enum {
	PEM_MAX = 64 * 1024,
	TEXT_MAX = 64 * 1024,
	PUBLIC_MODE = 0644,
	LAUNCH_DIGEST_TEXT = 2 * DIGEST_SHA384_SIZE
};

/* SMT allowed, the bit that must be set, no debugging: QEMU's own. (SNP firmware ABI, table 10) */
static const uint64_t default_policy = 0x30000;

struct id_options {
	const char *measurement, *id_key, *author_key, *policy, *family_id, *image_id;
	const char *out_block, *out_auth;
	uint64_t guest_svn;
};

struct id_pair {
	struct buf block, auth; /* raw */
};
static void id_pair_done(struct id_pair *p)
{
	buf_done(&p->block);
	buf_done(&p->auth);
}

/* Hexadecimal digits, or the document of `measure snp --json`. */
static RESULT read_measurement(const char *text, uint8_t digest[static DIGEST_SHA384_SIZE])
{
	AUTO(buf_done) struct buf in = BUF_INIT(MEASURE_DOCUMENT_MAX);
	AUTO(json_freep) struct json *root = NULL;

	if (strlen(text) == LAUNCH_DIGEST_TEXT)
		return hex_decode_fixed(
			bytes_str(text), "--measurement", digest, DIGEST_SHA384_SIZE);
	TRY(file_read(text, &in));
	struct err e = json_parse(buf_bytes(&in), &root);
	if (failed(e))
		return err_add(e, "%s", text);
	const char *hex = json_string(json_pointer(root, "/values/measurement"));
	if (!hex)
		return err_new(ERR_FORMAT,
			"%s: no values.measurement: not what `sealpod measure snp --json` prints",
			text);
	return hex_decode_fixed(bytes_str(hex), text, digest, DIGEST_SHA384_SIZE);
}

/* 16 bytes: 32 hexadecimal digits, or a short name filled up with zeroes. */
static RESULT read_id(const char *option, const char *text, uint8_t id[static 16])
{
	if (!text)
		return OK;
	if (strlen(text) == 32)
		return hex_decode_fixed(bytes_str(text), option, id, 16);
	if (strlen(text) > 16)
		return err_new(ERR_USAGE, "--%s %s: 32 hexadecimal digits, or at most 16 letters",
			option, text);
	memcpy(id, text, strlen(text));
	return OK;
}

static RESULT load_key(const char *path, struct key **ret_key)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);

	TRY(file_read(path, &pem));
	struct err e = key_parse_private(buf_bytes(&pem), ret_key);
	bytes_wipe(pem.p, pem.n);
	return failed(e) ? err_add(e, "%s", path) : OK;
}

static RESULT make(const struct id_options *o, struct id_pair *p)
{
	AUTO(key_freep) struct key *id = NULL;
	AUTO(key_freep) struct key *author = NULL;
	struct id_block b = { .guest_svn = (uint32_t)o->guest_svn, .policy = default_policy };

	if (!o->measurement || !o->id_key)
		return err_new(ERR_USAGE,
			"--measurement and --id-key to make a block, BLOCK and AUTH to check one");
	TRY(read_measurement(o->measurement, b.launch_digest));
	TRY(read_id("family-id", o->family_id, b.family_id));
	TRY(read_id("image-id", o->image_id, b.image_id));
	if (o->policy)
		TRY(measure_parse_number("policy", o->policy, UINT64_MAX, &b.policy));
	TRY(load_key(o->id_key, &id));
	if (o->author_key)
		TRY(load_key(o->author_key, &author));
	TRY(id_block_write(&b, &p->block));
	return id_auth_make(buf_bytes(&p->block), id, author, &p->auth);
}

static RESULT read_raw_or_base64(const char *path, size_t size, struct buf *to)
{
	AUTO(buf_done) struct buf in = BUF_INIT(TEXT_MAX);

	TRY(file_read(path, &in));
	if (in.n == size) {
		buf_put(to, buf_bytes(&in));
		return buf_end(to, path);
	}
	while (in.n > 0 && in.p[in.n - 1] == '\n')
		in.n--;
	struct err e = base64_decode(BASE64_STD, buf_bytes(&in), path, to);
	if (failed(e) || to->n != size)
		return err_new(ERR_FORMAT, "%s: neither %zu bytes nor base64 of them", path, size);
	return OK;
}

static void put_json(const struct id_block *b, const struct id_auth_keys *k,
	const struct id_pair *p, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "platform", "snp");
	jw_key(&w, "values");
	jw_object(&w);
	jw_khex(&w, "measurement", BYTES_OF(b->launch_digest));
	jw_khex(&w, "id_key_digest", digest_bytes(&k->id));
	if (k->has_author)
		jw_khex(&w, "author_key_digest", digest_bytes(&k->author));
	jw_object_end(&w);
	jw_key(&w, "inputs");
	jw_object(&w);
	jw_khex(&w, "family-id", BYTES_OF(b->family_id));
	jw_khex(&w, "image-id", BYTES_OF(b->image_id));
	jw_ku64(&w, "guest-svn", b->guest_svn);
	jw_ku64(&w, "policy", b->policy);
	jw_object_end(&w);
	jw_kbase64(&w, "id_block", buf_bytes(&p->block));
	jw_kbase64(&w, "id_auth", buf_bytes(&p->auth));
	jw_object_end(&w);
	buf_puts(out, "\n");
}

static void put_line(struct buf *out, const char *name, struct bytes v)
{
	buf_printf(out, "%-17s ", name);
	hex_encode(v, out);
	buf_puts(out, "\n");
}

static void put_text(const struct id_block *b, const struct id_auth_keys *k, struct buf *out)
{
	put_line(out, "measurement", BYTES_OF(b->launch_digest));
	put_line(out, "family_id", BYTES_OF(b->family_id));
	put_line(out, "image_id", BYTES_OF(b->image_id));
	buf_printf(out, "%-17s %u\n", "guest_svn", b->guest_svn);
	buf_printf(out, "%-17s 0x%" PRIx64 "\n", "policy", b->policy);
	put_line(out, "id_key_digest", digest_bytes(&k->id));
	if (k->has_author)
		put_line(out, "author_key_digest", digest_bytes(&k->author));
}

static RESULT write_pair(const struct id_options *o, const struct id_pair *p)
{
	if (o->out_block)
		TRY(file_write_atomic(o->out_block, buf_bytes(&p->block), PUBLIC_MODE));
	return o->out_auth ? file_write_atomic(o->out_auth, buf_bytes(&p->auth), PUBLIC_MODE) : OK;
}

/* A pair that was just made passes the same check as one that was read. */
static RESULT run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct id_options *o = options;
	AUTO(id_pair_done)
	struct id_pair p = { .block = BUF_INIT(ID_BLOCK_SIZE), .auth = BUF_INIT(ID_AUTH_SIZE) };
	AUTO(buf_done) struct buf out = BUF_INIT(TEXT_MAX);
	struct id_block block = { 0 };
	struct id_auth_keys keys = { 0 };

	(void)ret_exit;
	if (args->n == 1 || (args->n == 2 && (o->measurement || o->id_key)))
		return err_new(ERR_USAGE, "either BLOCK and AUTH, or --measurement and --id-key");
	if (args->n == 2) {
		TRY(read_raw_or_base64(args->v[0], ID_BLOCK_SIZE, &p.block));
		TRY(read_raw_or_base64(args->v[1], ID_AUTH_SIZE, &p.auth));
	} else {
		TRY(make(o, &p));
	}
	TRY(id_block_parse(buf_bytes(&p.block), &block));
	TRY(id_auth_check(buf_bytes(&p.block), buf_bytes(&p.auth), &keys));
	TRY(write_pair(o, &p));
	if (args->json)
		put_json(&block, &keys, &p, &out);
	else
		put_text(&block, &keys, &out);
	TRY(buf_end(&out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

#define ROW(text, member, k, placeholder, what)                                                    \
	{                                                                                          \
		.name = (text), .kind = (k), .offset = offsetof(struct id_options, member),        \
		.value = (placeholder), .help = (what)                                             \
	}
static const struct cli_option table[] = {
	ROW("measurement", measurement, CLI_STRING, "HEX|FILE",
		"the digest that may start, or what measure snp --json printed"),
	ROW("id-key", id_key, CLI_STRING, "FILE", "private key that signs the block (P-384)"),
	ROW("author-key", author_key, CLI_STRING, "FILE", "private key that signs the ID key"),
	ROW("policy", policy, CLI_STRING, "N", "the only policy that may start (0x30000)"),
	ROW("family-id", family_id, CLI_STRING, "TEXT", "FAMILY_ID: up to 16 letters, or hex"),
	ROW("image-id", image_id, CLI_STRING, "TEXT", "IMAGE_ID: up to 16 letters, or hex"),
	{ .name = "guest-svn",
		.kind = CLI_U64,
		.offset = offsetof(struct id_options, guest_svn),
		.value = "N",
		.max = UINT32_MAX,
		.help = "GUEST_SVN (0)" },
	ROW("out-block", out_block, CLI_STRING, "FILE", "write the block, for sealpod run"),
	ROW("out-auth", out_auth, CLI_STRING, "FILE", "write its authentication"),
	{ 0 },
};

const struct cli_command cmd_measure_id_block = {
	.name = "id-block",
	.summary = "make or check the ID block of an SEV-SNP guest, and its keys' digests",
	.operands = "[BLOCK AUTH]",
	.max_operands = 2,
	.options = table,
	.options_size = sizeof(struct id_options),
	.run = run,
	.notes = "With BLOCK and AUTH (raw or base64) both signatures are checked.\n"
		 "Keys: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
};
