/* sealpod image se-check: a Secure Execution boot image read back. */
#include "image_commands.h"
#include "image_se.h"

#include <stdlib.h>
#include <unistd.h>

#include <base/file.h>

enum {
	OUT_MAX = 64 * 1024,
	SECRET_MODE = 0600,
	HEADER_MODE = 0644,
	DIR_MODE = 0700
};

struct check_options {
	const char *header_key, *host_key, *customer_key, *document, *extract, *header_out;
};

#define ROW(word, member, placeholder, text)                                                       \
	{                                                                                          \
		.name = (word), .kind = CLI_STRING,                                                \
		.offset = offsetof(struct check_options, member), .value = (placeholder),          \
		.help = (text)                                                                     \
	}

static const struct cli_option check_table[] = {
	ROW("header-key", header_key, "FILE", "open with the key of the header"),
	ROW("host-key", host_key, "FILE", "open with a host's private key (test hosts)"),
	ROW("customer-key", customer_key, "FILE",
		"open with the customer's private key, by the slot of --host-key-document"),
	ROW("host-key-document", document, "FILE", "the image must be for that host"),
	ROW("header-out", header_out, "FILE", "write the header alone there, for verifiers"),
	ROW("extract", extract, "DIR", "write the components there as they were"),
	{ 0 },
};

struct opened {
	const struct check_options *o;
	struct buf file;
	struct se_layout layout;
	struct se_header header;
	struct se_image_measurement measurement;
	bool open;
	struct se_area area; /* if open */
	struct se_stage3b_args args;
	bool has_args;
};

/* ---- keys ---- */

static RESULT key_by_host(const struct opened *c, struct secret **ret_key)
{
	AUTO(key_freep) struct key *host = NULL;

	TRY(se_read_private(c->o->host_key, "host-key", &host));
	return se_header_key_by_host(&c->header, host, ret_key);
}

static RESULT key_by_customer(const struct opened *c, struct secret **ret_key)
{
	AUTO(key_freep) struct key *customer = NULL, *host = NULL;

	TRY(se_read_private(c->o->customer_key, "customer-key", &customer));
	TRY(se_read_public(c->o->document, "host-key-document", &host));
	return se_header_key_by_customer(&c->header, customer, host, ret_key);
}

static RESULT check_host(const struct opened *c)
{
	AUTO(key_freep) struct key *host = NULL;
	uint8_t phkh[SE_PHKH_SIZE];

	TRY(se_read_public(c->o->document, "host-key-document", &host));
	TRY(se_phkh(host, phkh));
	for (size_t i = 0; i < c->header.n_slots; i++)
		if (bytes_equal(c->header.slots[i].phkh, BYTES_OF(phkh)))
			return OK;
	return tee_deny(DENY_SE_HOST_KEY, "key slots", "one of that host", "only of others");
}

static RESULT get_header_key(const struct opened *c, struct secret **ret_key)
{
	if (c->o->header_key)
		return se_read_key(c->o->header_key, "header-key", SE_KEY_SIZE, ret_key);
	return c->o->host_key ? key_by_host(c, ret_key) : key_by_customer(c, ret_key);
}

/* ---- opening ---- */

static RESULT open_component(const struct opened *c, size_t i, struct buf *plain)
{
	return se_component_open(
		&c->layout.components[i], c->header.control_flags, c->area.image_key, plain);
}

static RESULT open_image(struct opened *c)
{
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(buf_done) struct buf plain = BUF_INIT(SE_IMAGE_MAX);

	TRY(get_header_key(c, &key));
	TRY(se_area_open(&c->header, secret_bytes(key), &c->area));
	c->open = true;
	TRY(open_component(c, c->layout.n_components - 1, &plain));
	c->has_args = !failed(se_stage3b_args_find(buf_bytes(&plain), &c->layout, &c->args));
	return OK;
}

/* Without its padding, where stage3b is told how much that is. */
static size_t size_of(const struct opened *c, const struct se_component *component)
{
	const struct se_blob *blobs[] = { &c->args.kernel, &c->args.initrd, &c->args.cmdline };

	for (size_t i = 0; c->has_args && i < ARRAY_LEN(blobs); i++)
		if (blobs[i]->size > 0 && blobs[i]->address == component->address)
			return (size_t)blobs[i]->size;
	return component->content.n;
}

static RESULT write_component(const struct opened *c, size_t i)
{
	AUTO(buf_done) struct buf plain = BUF_INIT(SE_IMAGE_MAX);
	AUTO(auto_free) char *path = NULL, *name = NULL;
	const struct se_component *component = &c->layout.components[i];

	TRY(str_dup(se_kind_name(se_component_kind(component)), &name));
	for (char *p = name; *p; p++)
		*p = *p == ' ' ? '-' : *p;
	TRY(path_join(c->o->extract, name, &path));
	if (file_exists(path))
		return err_new(ERR_USAGE, "%s exists already", path);
	TRY(open_component(c, i, &plain));
	return file_write_atomic(path, bytes_of(plain.p, size_of(c, component)), SECRET_MODE);
}

static RESULT extract(const struct opened *c)
{
	TRY(dir_make(c->o->extract, DIR_MODE));
	for (size_t i = 0; i < c->layout.n_components; i++)
		TRY(write_component(c, i));
	return OK;
}

/* ---- output ---- */

static void component_json(const struct opened *c, size_t i, struct json_writer *w)
{
	const struct se_component *component = &c->layout.components[i];

	jw_object(w);
	jw_kstr(w, "name", se_kind_name(se_component_kind(component)));
	jw_ku64(w, "address", component->address);
	jw_ku64(w, "pages", component->content.n / SE_PAGE);
	if (c->has_args)
		jw_ku64(w, "size", size_of(c, component));
	jw_object_end(w);
}

static void print_json(const struct opened *c, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	se_measurement_json(&c->measurement, &w);
	jw_ku64(&w, "header_address", c->layout.header_address);
	jw_key(&w, "components");
	jw_array(&w);
	for (size_t i = 0; i < c->layout.n_components; i++)
		component_json(c, i, &w);
	jw_array_end(&w);
	jw_kbool(&w, "opened", c->open);
	if (c->open) {
		jw_ku64(&w, "psw_address", c->area.psw_address);
		jw_kbool(&w, "cck_extension_secret",
			se_flag(c->area.secret_flags, SE_SCF_CCK_EXTENSION_SECRET));
		jw_kbool(&w, "cck_update", se_flag(c->area.secret_flags, SE_SCF_CCK_UPDATE));
	}
	jw_object_end(&w);
	buf_puts(out, "\n");
}

static void print_text(const struct opened *c, struct buf *out)
{
	se_measurement_text(&c->measurement, out);
	for (size_t i = 0; i < c->layout.n_components; i++) {
		const struct se_component *component = &c->layout.components[i];
		buf_printf(out, "%-12s 0x%08llx %6zu pages",
			se_kind_name(se_component_kind(component)),
			(unsigned long long)component->address, component->content.n / SE_PAGE);
		if (c->has_args)
			buf_printf(out, " %10zu bytes", size_of(c, component));
		buf_puts(out, "\n");
	}
	buf_puts(
		out, c->open ? "components are those of the header, the header is that of the key\n"
			     : "components are those of the header; no key to open it with\n");
}

static RESULT check_options(const struct check_options *o)
{
	int keys = (o->header_key != NULL) + (o->host_key != NULL) + (o->customer_key != NULL);

	if (keys > 1)
		return err_new(
			ERR_USAGE, "one of --header-key, --host-key and --customer-key is enough");
	if (o->customer_key && !o->document)
		return err_new(ERR_USAGE, "--customer-key: which host's slot? --host-key-document");
	if (o->extract && keys == 0)
		return err_new(ERR_USAGE, "--extract: with a key that opens the header");
	return OK;
}

static RESULT look(struct opened *c, const char *path)
{
	TRY(file_read(path, &c->file));
	TRY(se_layout_parse(buf_bytes(&c->file), &c->layout));
	TRY(se_header_parse(c->layout.header, &c->header));
	TRY(se_image_measure(buf_bytes(&c->file), &c->measurement));
	if (c->o->document)
		TRY(check_host(c));
	if (c->o->header_key || c->o->host_key || c->o->customer_key)
		TRY(open_image(c));
	if (c->o->header_out)
		TRY(file_write_atomic(c->o->header_out, c->layout.header, HEADER_MODE));
	return c->o->extract ? extract(c) : OK;
}

static void opened_freep(struct opened **c)
{
	if (!*c)
		return;
	buf_done(&(*c)->file);
	se_area_done(&(*c)->area);
	free(*c);
}

static RESULT run(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(opened_freep) struct opened *c = calloc(1, sizeof(*c));
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);

	(void)ret_exit;
	if (!c)
		return err_new(ERR_NOMEM, "image");
	c->o = options;
	c->file = BUF_INIT(SE_IMAGE_MAX);
	TRY(check_options(c->o));
	TRY(look(c, args->v[0]));
	if (args->json)
		print_json(c, &out);
	else
		print_text(c, &out);
	TRY(buf_end(&out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

const struct cli_command cmd_image_se_check = {
	.name = "se-check",
	.summary = "compare a Secure Execution image with its header, and open it",
	.operands = "IMAGE",
	.min_operands = 1,
	.max_operands = 1,
	.options = check_table,
	.options_size = sizeof(struct check_options),
	.run = run,
};
