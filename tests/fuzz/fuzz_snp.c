#include "sev/snp_internal.h"

#include <stdint.h>
#include <stdlib.h>

#include <tee/fields.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void describe(struct bytes file)
{
	const struct tee_format *f;

	for (size_t i = 0; (f = tee_format_at(i)); i++) {
		AUTO(fields_done) struct fields fields = { 0 };

		if (f->is(file))
			err_ignore(f->describe(file, &fields)); /* a refusal, or rows */
	}
}

/* A certificate with AMD's extensions, or something like it. */
static void read_vek(struct bytes file)
{
	AUTO(x509_list_done) struct x509_list certs = { 0 };
	struct snp_vek vek;

	if (failed(x509_list_parse(file, &certs)))
		return;
	for (size_t i = 0; i < certs.n; i++)
		err_ignore(snp_vek_parse(certs.v[i], &vek)); /* a refusal, or values */
}

/* JSON evidence when it begins like JSON, else a report with or without certificates, or one of
 * these alone. AMD's roots are the only anchors: nothing may pass. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_freep) struct json *j = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	const struct tee_policy policy = { .crl_optional = true, .allow_debug = true, .vmpl = 3 };
	struct tee_verify_input in = {
		.raw = bytes_of(data, size),
		.policy = &policy,
		.now = 1760000000,
	};

	if (size > 0 && data[0] == '{') {
		if (failed(json_parse(in.raw, &j)))
			return 0;
		in.evidence = j;
		in.raw = BYTES_NONE;
	} else {
		describe(in.raw);
		read_vek(in.raw);
	}
	(void)tee_recognise(&in);
	if (!failed(tee_verify(tee_by_platform("snp"), &in, &c)))
		abort();
	return 0;
}
