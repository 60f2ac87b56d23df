#include "platforms.h"

#include <stdlib.h>

struct tee_guest {
	const struct tee *tee;
};

/* Never chosen by itself: it proves nothing. */
static bool sample_detect(const struct tee_guest_config *c)
{
	(void)c;
	return false;
}

static struct err sample_open(const struct tee_guest_config *c, struct tee_guest **ret_guest)
{
	struct tee_guest *g = calloc(1, sizeof(*g));

	(void)c;
	if (!g)
		return err_new(ERR_NOMEM, "sample");
	g->tee = &tee_sample;
	*ret_guest = g;
	return OK;
}

static void sample_close(struct tee_guest *g)
{
	free(g);
}

/* There is no register to bind to. */
static struct err sample_bind_initdata(struct tee_guest *g, const struct digest_value *initdata)
{
	(void)g;
	(void)initdata;
	return OK;
}

static struct err sample_evidence(struct tee_guest *g, struct bytes report_data,
	const struct json *challenge_extra, struct buf *ret_json)
{
	struct json_writer w = jw_of(ret_json);

	(void)g;
	(void)challenge_extra;
	jw_object(&w);
	jw_kstr(&w, "svn", "1");
	jw_kbase64(&w, "report_data", report_data);
	jw_object_end(&w);
	return buf_end(ret_json, "sample evidence");
}

const struct tee_guest_ops sample_guest_ops = {
	.detect = sample_detect,
	.open = sample_open,
	.close = sample_close,
	.bind_initdata = sample_bind_initdata,
	.evidence = sample_evidence,
};
