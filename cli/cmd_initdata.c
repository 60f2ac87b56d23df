/* sealpod initdata: make, digest and show what is bound to a pod's launch. */
#include "commands.h"
#include "initdata_entries.h"

#include <base/encode.h>
#include <base/file.h>
#include <runtime/pod_initdata.h>

enum {
	CARRIER_MAX = 2 * 1024 * 1024, /* base64 of the largest image, and more */
	OUT_MAX = 8 * 1024 * 1024,
	HOST_DATA_SIZE = 32,
	MR_CONFIG_ID_SIZE = 48
};

static RESULT print(struct buf *out)
{
	TRY(buf_end(out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(out));
}

/* ---- make ---- */

struct make_options {
	const char *kbs, *kbs_ca, *manifest, *image_policy, *registry_ca;
	const char *algorithm, *format, *output;
	struct strv data;
};

#define OPTION(member, k) .kind = (k), .offset = offsetof(struct make_options, member)

static const struct cli_option make_table[] = {
	{ .name = "kbs", OPTION(kbs, CLI_STRING), .value = "URL", .help = "key broker" },
	{ .name = "kbs-ca",
		OPTION(kbs_ca, CLI_STRING),
		.value = "FILE",
		.help = "root of the broker's certificate (PEM)" },
	{ .name = "manifest",
		OPTION(manifest, CLI_STRING),
		.value = "FILE",
		.help = "pod manifest: what may run (JSON)" },
	{ .name = "image-policy",
		OPTION(image_policy, CLI_STRING),
		.value = "FILE",
		.help = "containers-policy.json: whose images may run" },
	{ .name = "registry-ca",
		OPTION(registry_ca, CLI_STRING),
		.value = "FILE",
		.help = "further root of registries' certificates (PEM)" },
	{ .name = "data",
		OPTION(data, CLI_LIST),
		.value = "NAME=FILE",
		.help = "another entry; may be given again" },
	{ .name = "algorithm",
		OPTION(algorithm, CLI_CHOICE),
		.choices = "sha256|sha384|sha512",
		.value = "NAME",
		.help = "of the digest that is bound (sha256)" },
	{ .name = "format",
		OPTION(format, CLI_CHOICE),
		.choices = "toml|annotation|image",
		.value = "KIND",
		.help = "what is written (toml)" },
	{ .name = "output",
		.letter = 'o',
		OPTION(output, CLI_STRING),
		.value = "FILE",
		.help = "where it is written (standard output)" },
	{ 0 },
};

static RESULT read_optional(const char *path, struct buf *ret)
{
	return path ? file_read(path, ret) : OK;
}

/* The entries that the options for people make. */
static RESULT add_made(const struct make_options *o, struct initdata_entries *entries)
{
	AUTO(buf_done) struct buf kbs_ca = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf manifest = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf policy = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf registry_ca = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	if (!o->kbs && !o->manifest && !o->image_policy && !o->registry_ca)
		return OK;
	TRY(read_optional(o->kbs_ca, &kbs_ca));
	TRY(read_optional(o->manifest, &manifest));
	TRY(read_optional(o->image_policy, &policy));
	TRY(read_optional(o->registry_ca, &registry_ca));
	struct pod_initdata from = {
		.kbs = o->kbs,
		.kbs_ca = buf_bytes(&kbs_ca),
		.manifest = buf_bytes(&manifest),
		.image_policy = buf_bytes(&policy),
		.registry_ca = buf_bytes(&registry_ca),
	};
	TRY(pod_initdata_make(&from, &toml));
	return initdata_entries_add(entries, buf_bytes(&toml));
}

static RESULT carry(const char *format, struct bytes toml, struct buf *out)
{
	if (format && str_equal(format, "image"))
		return initdata_image_make(toml, out);
	if (format && str_equal(format, "annotation"))
		return initdata_annotation_make(toml, out);
	buf_put(out, toml);
	return buf_end(out, "initdata");
}

static RESULT make(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct make_options *o = options;
	AUTO(initdata_entries_done) struct initdata_entries entries = { 0 };
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	enum digest_alg alg = DIGEST_SHA256;

	(void)args;
	(void)ret_exit;
	TRY(add_made(o, &entries));
	TRY(initdata_entries_files(&entries, &o->data, false));
	if (o->algorithm)
		TRY(digest_alg_parse(o->algorithm, &alg));
	TRY(initdata_entries_make(&entries, alg, &toml));
	TRY(carry(o->format, buf_bytes(&toml), &out));
	return o->output ? file_write_atomic(o->output, buf_bytes(&out), 0644) : print(&out);
}

/* ---- digest and show ---- */

static RESULT read_any(const char *path, struct buf *toml)
{
	AUTO(buf_done) struct buf in = BUF_INIT(CARRIER_MAX);

	TRY(file_read(path, &in));
	return initdata_any_parse(buf_bytes(&in), toml);
}

/* A register holds the digest cut or filled with zeroes to its size. */
static struct bytes register_value(const struct digest_value *d, size_t size, uint8_t to[static 64])
{
	memset(to, 0, 64);
	memcpy(to, d->v, d->n < size ? d->n : size);
	return bytes_of(to, size);
}

static RESULT pcr8(const struct digest_value *d, struct digest_value *ret)
{
	static const uint8_t start[DIGEST_SHA256_SIZE];
	uint8_t value[64];

	return digest2(
		DIGEST_SHA256, BYTES_OF(start), register_value(d, DIGEST_SHA256_SIZE, value), ret);
}

static RESULT digest_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w = jw_of(&out);
	struct digest_value d = { 0 };

	(void)options;
	(void)ret_exit;
	TRY(read_any(args->v[0], &toml));
	TRY(initdata_digest(buf_bytes(&toml), &d));
	if (args->json) {
		jw_object(&w);
		jw_kstr(&w, "algorithm", digest_name(d.alg));
		jw_khex(&w, "digest", digest_bytes(&d));
		jw_object_end(&w);
	} else {
		hex_encode(digest_bytes(&d), &out);
	}
	buf_puts(&out, "\n");
	return print(&out);
}

struct bound {
	struct digest_value digest, pcr8;
	uint8_t host_data[64], mr_config_id[64];
	char *append;
};

static void bound_done(struct bound *b)
{
	free(b->append);
}

static void show_json(const struct initdata *d, const struct bound *b, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "algorithm", digest_name(d->algorithm));
	jw_khex(&w, "digest", digest_bytes(&b->digest));
	jw_khex(&w, "host_data", bytes_of(b->host_data, HOST_DATA_SIZE));
	jw_khex(&w, "mr_config_id", bytes_of(b->mr_config_id, MR_CONFIG_ID_SIZE));
	jw_khex(&w, "pcr8", digest_bytes(&b->pcr8));
	jw_kstr(&w, "append", b->append);
	jw_key(&w, "data");
	jw_object(&w);
	for (size_t i = 0; i < d->data.n; i++)
		jw_kstr(&w, d->data.v[i].name, d->data.v[i].value);
	jw_object_end(&w);
	jw_object_end(&w);
	buf_puts(out, "\n");
}

static void show_line(struct buf *out, const char *name, struct bytes value)
{
	buf_printf(out, "%-13s ", name);
	hex_encode(value, out);
	buf_puts(out, "\n");
}

static void show_text(const struct initdata *d, const struct bound *b, struct buf *out)
{
	buf_printf(out, "%-13s %s\n", "algorithm", digest_name(d->algorithm));
	show_line(out, "digest", digest_bytes(&b->digest));
	show_line(out, "HOST_DATA", bytes_of(b->host_data, HOST_DATA_SIZE));
	show_line(out, "MRCONFIGID", bytes_of(b->mr_config_id, MR_CONFIG_ID_SIZE));
	show_line(out, "PCR 8", digest_bytes(&b->pcr8));
	buf_printf(out, "%-13s %s\n", "command line", b->append);
	for (size_t i = 0; i < d->data.n; i++) {
		const char *text = d->data.v[i].value;
		buf_printf(out, "\n--- %s (%zu bytes)\n", d->data.v[i].name, strlen(text));
		buf_puts(out, text);
		if (!str_ends(text, "\n"))
			buf_puts(out, "\n");
	}
}

static RESULT show(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(initdata_done) struct initdata d = { 0 };
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	AUTO(bound_done) struct bound b = { 0 };

	(void)options;
	(void)ret_exit;
	TRY(read_any(args->v[0], &toml));
	TRY(initdata_parse(buf_bytes(&toml), &d));
	TRY(digest(d.algorithm, buf_bytes(&toml), &b.digest));
	TRY(pcr8(&b.digest, &b.pcr8));
	TRY(initdata_append("", &b.digest, &b.append));
	(void)register_value(&b.digest, HOST_DATA_SIZE, b.host_data);
	(void)register_value(&b.digest, MR_CONFIG_ID_SIZE, b.mr_config_id);
	if (args->json)
		show_json(&d, &b, &out);
	else
		show_text(&d, &b, &out);
	return print(&out);
}

static const struct cli_command cmd_make = {
	.name = "make",
	.summary = "write initdata from its parts",
	.options = make_table,
	.options_size = sizeof(struct make_options),
	.run = make,
};

static const struct cli_command cmd_digest = {
	.name = "digest",
	.summary = "print the digest that a launch binds",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.run = digest_run,
};

static const struct cli_command cmd_show = {
	.name = "show",
	.summary = "print the entries, and what each platform binds",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.run = show,
};

static const struct cli_command *const commands[] = { &cmd_make, &cmd_digest, &cmd_show, NULL };

const struct cli_command cmd_initdata = {
	.name = "initdata",
	.summary = "what is bound to a pod's launch: broker, policies, pod manifest",
	.commands = commands,
	.notes = "FILE is the TOML document, its annotation or its block device image; - is "
		 "standard "
		 "input.",
};
