/* Trustee's test platform: evidence that anybody can make. Always `simulated`. */
#include "platforms.h"

#include <base/encode.h>
#include <tee/denials.h>

enum {
	PLATFORM_VERSION_MAJOR = 1,
	PLATFORM_VERSION_MINOR = 4,
	REPORT_DATA_TEXT_MAX = 256
};

static struct err compare_report_data(const struct tee_verify_input *in)
{
	AUTO(buf_done) struct buf want = BUF_INIT(REPORT_DATA_TEXT_MAX);
	const char *got;

	TRY(tee_deny_because(json_need_string(in->evidence, "report_data", &got),
		DENY_EVIDENCE_MALFORMED, "evidence.report_data"));
	base64_encode(BASE64_STD, in->report_data, &want);
	TRY(buf_end(&want, "report_data"));
	if (!bytes_equal(buf_bytes(&want), bytes_str(got)))
		return tee_deny(
			DENY_EVIDENCE_REPORT_DATA, "evidence.report_data", buf_cstr(&want), got);
	return OK;
}

static struct err add_claims(const struct tee_verify_input *in, const char *svn, struct claims *c)
{
	claims_str(c, "sample.svn", svn);
	claims_str(c, "sample.launch_digest", "abcde");
	claims_u64(c, "sample.platform_version.major", PLATFORM_VERSION_MAJOR);
	claims_u64(c, "sample.platform_version.minor", PLATFORM_VERSION_MINOR);
	claims_flag(c, "sample", "debug", false);
	claims_str(c, "report_data", json_string(json_get(in->evidence, "report_data")));
	if (in->initdata_digest.n > 0) /* as sent: nothing binds it */
		claims_hex(c, "init_data", in->initdata_digest);
	claims_flag(c, "sample", "simulated", true);
	return claims_end(c);
}

static struct err sample_verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	AUTO(claims_done) struct claims c = { 0 };
	const char *svn;

	TRY(tee_deny_because(json_need_string(in->evidence, "svn", &svn), DENY_EVIDENCE_MALFORMED,
		"evidence.svn"));
	(void)check_result(checks, compare_report_data(in), DENY_EVIDENCE_REPORT_DATA, "");
	TRY(checks_end(checks));
	TRY(add_claims(in, svn, &c));
	*ret_claims = c;
	c = (struct claims){ 0 };
	return OK;
}

static const struct tee_verify_ops sample_verify_ops = { .verify = sample_verify };

const struct tee tee_sample = {
	.platform = "sample",
	.kbs_name = "sample",
	.verify = &sample_verify_ops,
};
