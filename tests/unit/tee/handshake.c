#include "handshake.h"

#include "util.h"

struct err handshake_challenge(struct handshake *h)
{
	AUTO(buf_done) struct buf hello_text = BUF_INIT(65536);
	AUTO(json_freep) struct json *hello = NULL;
	struct json_writer w;

	buf_done(&h->extra_text);
	buf_done(&h->state);
	h->extra_text = BUF_INIT(65536);
	h->state = BUF_INIT(4096);
	vtpm_gen_hello(&h->g, &hello_text);
	assert_ok(json_parse(buf_bytes(&hello_text), &hello));
	w = jw_of(&h->extra_text);
	jw_object(&w);
	TRY(tee_by_kbs_name("tpm")->verify->challenge(hello, &h->anchors, GEN_NOW, &w, &h->state));
	jw_object_end(&w);
	return json_parse(buf_bytes(&h->extra_text), &h->extra);
}

void handshake_start(struct handshake *h)
{
	*h = (struct handshake){ 0 };
	vtpm_gen_init(&h->g);
	h->anchors = h->g.anchors;
	vtpm_gen_boot(&h->g, &vtpm_gen_usual);
	assert_ok(digest(DIGEST_SHA384, bytes_str("runtime data"), &h->report_data));
	assert_ok(digest(DIGEST_SHA384, bytes_str("initdata"), &h->initdata));
	vtpm_gen_bind_initdata(&h->g, digest_bytes(&h->initdata));
}

/* A handshake whose evidence is good. */
void handshake_start_good(struct handshake *h)
{
	handshake_start(h);
	assert_ok(handshake_challenge(h));
	vtpm_gen_evidence(&h->g, digest_bytes(&h->report_data), h->extra, &h->e);
}

void handshake_finish(struct handshake *h)
{
	vtpm_gen_evidence_done(&h->e);
	buf_done(&h->extra_text);
	buf_done(&h->state);
	json_freep(&h->extra);
	vtpm_gen_done(&h->g);
}

struct err handshake_verify_text(
	const struct handshake *h, struct bytes evidence_text, struct claims *ret)
{
	AUTO(json_freep) struct json *evidence = NULL;

	TRY(json_parse(evidence_text, &evidence));
	struct tee_verify_input in = {
		.evidence = evidence,
		.report_data = digest_bytes(&h->report_data),
		.initdata_digest = digest_bytes(&h->initdata),
		.state = buf_bytes(&h->state),
		.anchors = &h->anchors,
		.now = GEN_NOW,
	};
	return tee_verify(tee_by_kbs_name("tpm"), &in, ret);
}

struct err handshake_verify(const struct handshake *h, struct claims *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);

	vtpm_gen_print(&h->e, &text);
	return handshake_verify_text(h, buf_bytes(&text), ret);
}

void assert_denied(struct err e, enum tee_denial want)
{
	assert_err(e, ERR_UNVERIFIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, tee_denial_code(want));
	print_message("           %s\n", err_text());
}

void handshake_refused(const struct handshake *h, enum tee_denial want)
{
	AUTO(claims_done) struct claims c = { 0 };

	assert_denied(handshake_verify(h, &c), want);
	assert_int_equal(c.n, 0);
}

const char *text_of(const struct claims *c, const char *name)
{
	return claim_text(claims_get(c, name));
}
void handshake_resign(struct handshake *h, void (*change)(struct vtpm_gen_attest *a))
{
	struct vtpm_gen_attest a = vtpm_gen_attest(bytes_of(h->report_data.v, 32));

	change(&a);
	vtpm_gen_sign(&h->g, &a, &h->e);
}
