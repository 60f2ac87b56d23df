#include "verify_internal.h"

#include <base/clock.h>
#include <base/encode.h>

typedef struct err set_fn(struct sealpod_verify *v, const char *value);

static RESULT set_platform(struct sealpod_verify *v, const char *value)
{
	v->tee = NULL;
	if (str_equal(value, "auto"))
		return OK;
	v->tee = tee_by_platform(value);
	return v->tee ? OK : err_new(ERR_USAGE, "platform '%.32s' is not known", value);
}

static RESULT set_at(struct sealpod_verify *v, const char *value)
{
	if (failed(clock_parse(value, &v->at)))
		return err_new(
			ERR_USAGE, "at: '%.64s' is no time like 2026-03-01T00:00:00Z", value);
	v->at_given = true;
	return OK;
}

static RESULT set_hex(struct buf *to, const char *what, const char *value)
{
	buf_clear(to);
	struct err e = hex_decode(bytes_str(value), what, to);
	if (!failed(e))
		e = buf_end(to, what);
	if (!failed(e) && to->n == 0)
		e = err_new(ERR_USAGE, "%s: empty", what);
	return failed(e) && e.code != ERR_NOMEM ? err_new(ERR_USAGE, "%s", err_text()) : e;
}

static RESULT set_report_data(struct sealpod_verify *v, const char *value)
{
	if (v->report_data.n > 0)
		return err_new(ERR_USAGE, "report-data and nonce are the same: give one");
	return set_hex(&v->report_data, "report-data", value);
}

static RESULT set_measurement(struct sealpod_verify *v, const char *value)
{
	return set_hex(&v->measurement, "measurement", value);
}

static RESULT set_initdata(struct sealpod_verify *v, const char *value)
{
	return set_hex(&v->initdata_digest, "init-data", value);
}

static RESULT set_min_tcb(struct sealpod_verify *v, const char *value)
{
	const char *equals = strchr(value, '=');
	uint64_t number;

	if (!equals || equals == value)
		return err_new(ERR_USAGE, "min-tcb: '%.64s' is not NAME=NUMBER", value);
	TRY(str_to_u64(equals + 1, UINT32_MAX, "min-tcb", &number));
	return strv_add(&v->policy.min_tcb, value);
}

static RESULT set_tcb_status(struct sealpod_verify *v, const char *value)
{
	return strv_add(&v->policy.tcb_status, value);
}

static RESULT set_vmpl(struct sealpod_verify *v, const char *value)
{
	enum {
		VMPL_MAX = 3
	};
	uint64_t number;

	TRY(str_to_u64(value, VMPL_MAX, "vmpl", &number));
	v->policy.vmpl = (uint32_t)number;
	return OK;
}

static RESULT set_staleness(struct sealpod_verify *v, const char *value)
{
	uint64_t number;

	TRY(str_to_u64(value, INT32_MAX, "max-staleness", &number));
	v->policy.max_staleness_s = (int64_t)number;
	return OK;
}

static RESULT yes_no(const char *what, const char *value, bool *ret_yes)
{
	bool yes = str_equal(value, "yes");

	if (!yes && !str_equal(value, "no"))
		return err_new(ERR_USAGE, "%s: '%.32s' is neither yes nor no", what, value);
	*ret_yes = yes;
	return OK;
}

static RESULT set_debug(struct sealpod_verify *v, const char *value)
{
	return yes_no("allow-debug", value, &v->policy.allow_debug);
}

static RESULT set_crl(struct sealpod_verify *v, const char *value)
{
	bool required;

	TRY(yes_no("crl-required", value, &required));
	v->policy.crl_optional = !required;
	return OK;
}

static RESULT set_color(struct sealpod_verify *v, const char *value)
{
	return yes_no("color", value, &v->color);
}

static const struct {
	const char *name;
	set_fn *set;
} options[] = {
	{ "platform", set_platform },
	{ "at", set_at },
	{ "report-data", set_report_data },
	{ "nonce", set_report_data },
	{ "measurement", set_measurement },
	{ "init-data", set_initdata },
	{ "min-tcb", set_min_tcb },
	{ "tcb-status", set_tcb_status },
	{ "vmpl", set_vmpl },
	{ "max-staleness", set_staleness },
	{ "allow-debug", set_debug },
	{ "crl-required", set_crl },
	{ "color", set_color },
};

RESULT verify_set_option(struct sealpod_verify *v, const char *option, const char *value)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (!str_equal(options[i].name, option))
			continue;
		struct err e = options[i].set(v, value);
		/* What the caller wrote wrong is no malformed file. */
		return e.code == ERR_FORMAT || e.code == ERR_LIMIT
			       ? err_new(ERR_USAGE, "%s", err_text())
			       : e;
	}
	return err_new(ERR_USAGE, "option '%.32s' is not known", option);
}
