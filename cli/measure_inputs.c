#include "measure.h"

#include <errno.h>
#include <inttypes.h>

#include <base/file.h>
#include <measured-boot/initdata.h>
#include <runtime/config.h>
#include <runtime/pod_size.h>
#include <tee/tee.h>

enum {
	CARRIER_MAX = 2 * 1024 * 1024 /* base64 of the largest image, and more */
};

void measure_files_done(struct measure_files *f)
{
	buf_done(&f->firmware);
	buf_done(&f->kernel);
	buf_done(&f->initrd);
	buf_done(&f->svsm);
	buf_done(&f->event_log);
	buf_done(&f->acpi_loader);
	buf_done(&f->acpi_rsdp);
	buf_done(&f->acpi_tables);
}

RESULT measure_parse_number(const char *option, const char *text, uint64_t max, uint64_t *ret_v)
{
	char *end = NULL;

	errno = 0;
	unsigned long long v = strtoull(text, &end, 0);
	if (errno != 0 || !*text || *end || *text == '-' || v > max)
		return err_new(
			ERR_USAGE, "--%s %s: not a number up to 0x%" PRIx64, option, text, max);
	*ret_v = v;
	return OK;
}

RESULT measure_read(
	struct measure_doc *d, const char *name, const char *path, uint64_t max, struct buf *to)
{
	*to = BUF_INIT(max);
	if (!path)
		return OK;
	TRY(file_read(path, to));
	return measure_add_file(d, name, path, buf_bytes(to));
}

RESULT measure_initdata_digest(
	struct measure_doc *d, const char *path, struct digest_value *ret_digest)
{
	AUTO(buf_done) struct buf in = BUF_INIT(CARRIER_MAX);
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	TRY(file_read(path, &in));
	TRY(initdata_any_parse(buf_bytes(&in), &toml));
	TRY(measure_add_file(d, "initdata", path, buf_bytes(&toml)));
	return initdata_digest(buf_bytes(&toml), ret_digest);
}

static RESULT text_digest(struct measure_doc *d, const char *text, struct digest_value *ret)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	TRY(initdata_annotation_parse(bytes_str(text), &toml));
	TRY(measure_add_file(d, "initdata", "cc_init_data", buf_bytes(&toml)));
	return initdata_digest(buf_bytes(&toml), ret);
}

RESULT measure_options_initdata(
	struct measure_doc *d, const struct measure_options *o, struct digest_value *ret_digest)
{
	if (o->initdata)
		return measure_initdata_digest(d, o->initdata, ret_digest);
	return o->initdata_text ? text_digest(d, o->initdata_text, ret_digest) : OK;
}

void measure_pod_done(struct measure_pod *p)
{
	json_freep(&p->documents);
}

/* As the handler that runs the pod sizes it; only when it is asked for, so that what is measured
 * does not depend on the machine that computes it. */
static RESULT read_sizing(
	const struct measure_doc *d, const struct measure_options *o, struct pod_sizing *ret)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	AUTO(auto_free) char *usual = NULL;

	TRY(str_format(&usual, RUNTIME_HANDLER "-%s",
		str_equal(d->platform, "sev-es") ? "sev" : d->platform));
	TRY(runtime_config_read(o->config, o->handler ? o->handler : usual, &c));
	*ret = (struct pod_sizing){
		.vcpus = c.vcpus,
		.memory_mib = c.memory_mib,
		.overhead_vcpus_milli = c.overhead_vcpus_milli,
		.overhead_memory_mib = c.overhead_memory_mib,
	};
	return OK;
}

RESULT measure_pod_apply(struct measure_doc *d, struct measure_options *o, struct measure_pod *p)
{
	AUTO(buf_done) struct buf yaml = BUF_INIT(POD_YAML_MAX);
	struct pod_sizing sizing;
	struct pod_size size = { 0 };
	bool configured = o->config || o->handler;

	if (!o->pod)
		return configured ? err_new(ERR_USAGE, "--config and --handler go with --pod") : OK;
	if (configured)
		TRY(read_sizing(d, o, &sizing));
	TRY(file_read(o->pod, &yaml));
	TRY(measure_add_file(d, "pod", o->pod, buf_bytes(&yaml)));
	struct err e = pod_yaml_parse(buf_bytes(&yaml), &p->documents);
	if (!failed(e))
		e = pod_size_of(p->documents, configured ? &sizing : NULL, &size);
	if (failed(e))
		return err_add(e, "%s", o->pod);
	o->vcpus = o->vcpus ? o->vcpus : size.vcpus;
	o->memory = o->memory ? o->memory : size.memory_mib;
	o->initdata_text = o->initdata ? NULL : size.initdata;
	return OK;
}

RESULT measure_bind_initdata(
	struct measure_doc *d, const struct measure_options *o, const char *name, size_t size)
{
	struct digest_value own = { 0 }, fitted = { .n = size };

	TRY(measure_options_initdata(d, o, &own));
	if (own.n == 0)
		return OK;
	tee_fit_digest(digest_bytes(&own), fitted.v, size);
	return measure_add_value(d, name, &fitted);
}

RESULT measure_initdata_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	static const struct {
		const char *name;
		size_t size;
	} registers[] = { { "host_data", 32 }, { "mr_config_id", 48 },
		{ "personalization_value", 64 } };
	static const struct digest_value zero = { .alg = DIGEST_SHA256, .n = DIGEST_SHA256_SIZE };
	AUTO(measure_doc_done) struct measure_doc d = { .platform = "initdata" };
	struct digest_value own = { 0 }, fitted = { 0 }, pcr8 = { 0 };

	(void)options;
	(void)ret_exit;
	TRY(measure_initdata_digest(&d, args->v[0], &own));
	TRY(measure_add_value(&d, "digest", &own));
	for (size_t i = 0; i < ARRAY_LEN(registers); i++) {
		fitted = (struct digest_value){ .n = registers[i].size };
		tee_fit_digest(digest_bytes(&own), fitted.v, fitted.n);
		TRY(measure_add_value(&d, registers[i].name, &fitted));
	}
	fitted = zero;
	tee_fit_digest(digest_bytes(&own), fitted.v, fitted.n);
	TRY(digest2(DIGEST_SHA256, digest_bytes(&zero), digest_bytes(&fitted), &pcr8));
	TRY(measure_add_value(&d, "pcr8", &pcr8));
	return measure_print(&d, args->json);
}
