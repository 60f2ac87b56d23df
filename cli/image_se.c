#include "image_se.h"

#include <base/encode.h>
#include <base/file.h>

enum {
	KEY_FILE_MAX = 64 * 1024
};

/* Names of bits, as options have them. */
static const struct {
	unsigned bit;
	const char *name;
} flags[] = {
	{ SE_PCF_DUMP, "dump" },
	{ SE_PCF_NO_COMPONENT_ENCRYPTION, "no-component-encryption" },
	{ SE_PCF_PCKMO_DEA, "pckmo-dea" },
	{ SE_PCF_PCKMO_AES, "pckmo-aes" },
	{ SE_PCF_PCKMO_ECC, "pckmo-ecc" },
	{ SE_PCF_PCKMO_HMAC, "pckmo-hmac" },
	{ SE_PCF_BACKUP_KEYS, "backup-keys" },
};

RESULT se_read(const char *path, const char *option, struct buf *ret_file)
{
	struct err e = file_read(path, ret_file);

	return failed(e) ? err_add(e, "--%s", option) : OK;
}

/* The buffer is wiped by the caller: it held a key. */
static RESULT read_key(const char *path, const char *option, size_t size, struct buf *file,
	struct secret **ret_key)
{
	TRY(se_read(path, option, file));
	if (file->n != size)
		return err_new(ERR_FORMAT, "--%s: %s has %zu bytes instead of %zu", option, path,
			file->n, size);
	return secret_of(buf_bytes(file), ret_key);
}

RESULT se_read_key(const char *path, const char *option, size_t size, struct secret **ret_key)
{
	AUTO(buf_done) struct buf file = BUF_INIT(KEY_FILE_MAX);

	if (!path)
		return OK;
	struct err e = read_key(path, option, size, &file, ret_key);
	bytes_wipe(file.p, file.n);
	return e;
}

RESULT se_read_private(const char *path, const char *option, struct key **ret_key)
{
	AUTO(buf_done) struct buf file = BUF_INIT(KEY_FILE_MAX);

	if (!path)
		return OK;
	TRY(se_read(path, option, &file));
	struct err e = key_parse_private(buf_bytes(&file), ret_key);
	bytes_wipe(file.p, file.n);
	return failed(e) ? err_add(e, "--%s: %s", option, path) : OK;
}

RESULT se_read_public(const char *path, const char *option, struct key **ret_key)
{
	AUTO(buf_done) struct buf file = BUF_INIT(KEY_FILE_MAX);

	TRY(se_read(path, option, &file));
	struct err e = key_parse_public(buf_bytes(&file), ret_key);
	return failed(e) ? err_add(e, "--%s: %s", option, path) : OK;
}

void se_measurement_json(const struct se_image_measurement *m, struct json_writer *w)
{
	jw_ku64(w, "version", m->version);
	jw_khex(w, "tag", BYTES_OF(m->tag));
	jw_khex(w, "pld", BYTES_OF(m->pld));
	jw_khex(w, "ald", BYTES_OF(m->ald));
	jw_khex(w, "tld", BYTES_OF(m->tld));
	jw_ku64(w, "pages", m->pages);
	jw_key(w, "flags");
	jw_array(w);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (se_flag(m->plain_flags, flags[i].bit))
			jw_str(w, flags[i].name);
	jw_array_end(w);
	jw_key(w, "image_phkh");
	jw_array(w);
	for (size_t i = 0; i < m->n_phkh; i++)
		jw_hex(w, BYTES_OF(m->phkh[i]));
	jw_array_end(w);
}

static void put_hex(struct buf *out, const char *name, struct bytes v)
{
	char text[2 * SE_PAGE_DIGEST + 1];

	hex_to(v, text);
	buf_printf(out, "%-12s %s\n", name, text);
}

void se_measurement_text(const struct se_image_measurement *m, struct buf *out)
{
	put_hex(out, "tag", BYTES_OF(m->tag));
	put_hex(out, "pld", BYTES_OF(m->pld));
	put_hex(out, "ald", BYTES_OF(m->ald));
	put_hex(out, "tld", BYTES_OF(m->tld));
	for (size_t i = 0; i < m->n_phkh; i++)
		put_hex(out, "image_phkh", BYTES_OF(m->phkh[i]));
	buf_printf(out, "%-12s %llu\n%-12s", "pages", (unsigned long long)m->pages, "flags");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (se_flag(m->plain_flags, flags[i].bit))
			buf_printf(out, " %s", flags[i].name);
	buf_puts(out, "\n");
}
