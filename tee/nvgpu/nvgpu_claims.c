#include "nvgpu.h"

#include <stdio.h>

#include <base/encode.h>

enum {
	NAME_SIZE = 96,
	TEXT_MAX = 4096,
	PDI_SIZE = 8,
	COUNT_SIZE = 4
};

/* "<prefix><group>.<what>" */
struct path {
	const char *prefix, *group;
};

static void name_of(const struct path *p, const char *what, char to[static NAME_SIZE])
{
	(void)snprintf(to, NAME_SIZE, "%s%s.%s", p->prefix, p->group, what);
}

/* An item of each measurement, numbered from 1. */
static struct err add_counts(const char *prefix, struct bytes value, struct claims *c)
{
	struct path p = { prefix, "config.measurement_count" };
	struct reader r = rd_of(value);
	char name[NAME_SIZE], number[8];

	if (value.n % COUNT_SIZE != 0 || value.n / COUNT_SIZE > SPDM_BLOCKS_MAX)
		return err_new(ERR_FORMAT, "%zu bytes", value.n);
	for (unsigned i = 1; rd_more(&r); i++) {
		(void)snprintf(number, sizeof(number), "%u", i);
		name_of(&p, number, name);
		claims_u64(c, name, rd_le32(&r));
	}
	return OK;
}

static struct err add_list(const char *name, struct bytes value, struct claims *c)
{
	struct reader r = rd_of(value);
	char hex[2 * PDI_SIZE + 1];

	if (value.n % PDI_SIZE != 0)
		return err_new(ERR_FORMAT, "%zu bytes", value.n);
	while (rd_more(&r)) {
		hex_to(rd_take(&r, PDI_SIZE), hex);
		claims_list_add(c, name, hex);
	}
	return OK;
}

static struct err add_number(const char *name, struct bytes value, struct claims *c)
{
	struct reader r = rd_of(value);

	if (value.n > sizeof(uint64_t))
		return err_new(ERR_FORMAT, "%zu bytes", value.n);
	claims_u64(c, name, rd_le(&r, value.n));
	return OK;
}

static struct err add_text(
	enum nvgpu_form form, const char *name, struct bytes value, struct claims *c)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

	TRY(nvgpu_opaque_text(form, value, &text));
	const char *s = buf_cstr(&text);
	if (!s)
		return err_new(ERR_NOMEM, "claims");
	claims_str(c, name, s);
	return OK;
}

/* Types that are not known here stay visible as "type_<n>" in hex: they are signed as well. */
static struct err add_item(const char *prefix, const struct spdm_opaque *o, struct claims *c)
{
	struct path p = { prefix, "config" };
	enum nvgpu_form form = nvgpu_opaque_form(o->type);
	const char *known = nvgpu_opaque_name(o->type);
	char what[24], name[NAME_SIZE];

	(void)snprintf(what, sizeof(what), "type_%u", o->type);
	name_of(&p, known ? known : what, name);
	switch (form) {
	case NVGPU_COUNTS:
		return add_counts(prefix, o->value, c);
	case NVGPU_LIST:
		return add_list(name, o->value, c);
	case NVGPU_NUMBER:
		return add_number(name, o->value, c);
	case NVGPU_HEX:
		claims_hex(c, name, o->value);
		return OK;
	case NVGPU_TEXT:
	case NVGPU_VERSION:
	case NVGPU_FEATURES:
		break;
	}
	return add_text(form, name, o->value, c);
}

RESULT nvgpu_claims(const char *prefix, const struct nvgpu_device *d, const struct spdm_report *r,
	struct claims *c)
{
	struct path measurements = { prefix, "measurements" };
	char name[NAME_SIZE], number[8];

	(void)snprintf(name, sizeof(name), "%sarch", prefix);
	claims_str(c, name, d->arch);
	(void)snprintf(name, sizeof(name), "%suuid", prefix);
	claims_str(c, name, d->uuid);
	for (size_t i = 0; i < r->n_blocks; i++) {
		(void)snprintf(number, sizeof(number), "%u", r->blocks[i].index);
		name_of(&measurements, number, name);
		claims_hex(c, name, r->blocks[i].value);
	}
	for (size_t i = 0; i < r->n_opaque; i++) {
		struct err e = add_item(prefix, &r->opaque[i], c);

		if (failed(e))
			return err_add(e, "SPDM opaque data: type %u", r->opaque[i].type);
	}
	return OK;
}
