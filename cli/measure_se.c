/* sealpod measure se */
#include "measure.h"

#include <inttypes.h>

#include <base/file.h>
#include <measured-boot/se_image.h>

static RESULT add(struct measure_doc *d, const char *name, struct bytes v)
{
	struct digest_value value = { .n = v.n };

	memcpy(value.v, v.p, v.n);
	return measure_add_value(d, name, &value);
}

/* Any of the hosts may have started the image: each gives a value of its own. */
static RESULT add_hosts(struct measure_doc *d, const struct se_image_measurement *m)
{
	char name[MEASURE_NAME_MAX] = "se_image_phkh";

	for (size_t i = 0; i < m->n_phkh; i++) {
		if (i > 0)
			(void)snprintf(name, sizeof(name), "se_image_phkh_%u", (unsigned)i + 1);
		TRY(add(d, name, BYTES_OF(m->phkh[i])));
	}
	return OK;
}

static RESULT add_inputs(struct measure_doc *d, const struct se_image_measurement *m)
{
	AUTO(auto_free) char *flags = NULL;

	TRY(str_format(&flags, "0x%016" PRIx64, m->plain_flags));
	TRY(measure_add_text(d, "plain-flags", flags));
	TRY(measure_add_number(d, "pages", m->pages));
	return measure_add_number(d, "header-version", m->version >> 8);
}

RESULT measure_se_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct measure_options *o = options;
	AUTO(measure_doc_done) struct measure_doc d = { .platform = "se", .explain = o->explain };
	AUTO(buf_done) struct buf image = { 0 };
	struct se_image_measurement m = { 0 };

	(void)ret_exit;
	TRY(measure_read(&d, "image", args->v[0], SE_IMAGE_MAX, &image));
	TRY(se_image_measure(buf_bytes(&image), &m));
	TRY(add(&d, "se_tag", BYTES_OF(m.tag)));
	TRY(add(&d, "pld", BYTES_OF(m.pld)));
	TRY(add(&d, "ald", BYTES_OF(m.ald)));
	TRY(add(&d, "tld", BYTES_OF(m.tld)));
	TRY(add_hosts(&d, &m));
	TRY(add_inputs(&d, &m));
	return measure_print(&d, args->json);
}
