/* sealpod measure tdx */
#include "measure.h"

RESULT measure_tdx_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct measure_options *o = options;
	const char *order = o->order ? o->order : "single-pass";
	AUTO(measure_doc_done) struct measure_doc d = { .platform = "tdx", .explain = o->explain };
	AUTO(measure_files_done) struct measure_files f = { 0 };
	struct launch_log log = { .step = measure_launch_step, .arg = &d };
	struct digest_value v = { 0 };

	(void)ret_exit;
	TRY(measure_read(&d, "firmware", o->firmware, OVMF_CODE_MAX, &f.firmware));
	TRY(measure_add_text(&d, "order", order));
	TRY(mrtd_explain(buf_bytes(&f.firmware),
		str_equal(order, "two-pass") ? MRTD_TWO_PASS : MRTD_SINGLE_PASS,
		o->explain ? &log : NULL, &v));
	TRY(measure_add_value(&d, "mr_td", &v));
	TRY(measure_bind_initdata(&d, o, "mr_config_id", 48));
	return measure_print(&d, args->json);
}
