#include "s390-se/se_guest.h"

#include "guest_check.h"
#include "guest_io.h"
#include "platforms.h"
#include "s390-se/se.h"

#include <stdlib.h>
#include <string.h>

enum {
	RC_TEXT = 64,
	WRAPPED_MAX = 1024, /* of RSA keys up to 8192 bits */
};

_Static_assert(sizeof(struct se_uvio_ioctl_cb) == 64, "as the kernel has it");
_Static_assert(sizeof(struct se_uvio_attest) == 0x138, "as the kernel has it");

struct tee_guest {
	const struct tee *tee;
	struct guest_io io;
	struct digest_value initdata; /* n = 0: none */
};

static bool se_detect(const struct tee_guest_config *c)
{
	AUTO(guest_io_done) struct guest_io g = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(RC_TEXT);

	return !failed(guest_io_init(&g, c)) && !failed(guest_io_read(&g, SE_UV_GUEST, &text)) &&
	       text.n > 0 && text.p[0] == '1';
}

static void se_close(struct tee_guest *g)
{
	if (!g)
		return;
	guest_io_done(&g->io);
	free(g);
}

static void closep(struct tee_guest **g)
{
	se_close(*g);
}

static struct err se_open(const struct tee_guest_config *c, struct tee_guest **ret_guest)
{
	AUTO(closep) struct tee_guest *g = calloc(1, sizeof(*g));

	if (!g)
		return err_new(ERR_NOMEM, "se");
	g->tee = &tee_se;
	TRY(guest_io_init(&g->io, c));
	if (c->initdata)
		g->initdata = *c->initdata;
	*ret_guest = TAKE(g);
	return OK;
}

/* The launch has no register for it. Evidence carries it instead (struct tee_guest_config), and the
 * guest that says so is measured. */
static struct err se_bind_initdata(struct tee_guest *g, const struct digest_value *initdata)
{
	g->initdata = *initdata;
	return OK;
}

/* ---- the broker's challenge (Trustee: what stands in the nonce) ---- */
struct challenge {
	struct buf request_blob;
	uint64_t measurement_size, additional_size;
	struct buf encr_measurement_key, encr_request_nonce, image_hdr_tags;
};

static const struct json_field challenge_fields[] = {
	JSON_FIELD(struct challenge, request_blob, FIELD_BASE64, FIELD_REQUIRED, SE_REQUEST_MAX),
	JSON_FIELD(struct challenge, measurement_size, FIELD_U64, FIELD_REQUIRED, SE_MEASUREMENT),
	JSON_FIELD(struct challenge, additional_size, FIELD_U64, FIELD_REQUIRED, SE_ADDITIONAL_MAX),
	JSON_FIELD(
		struct challenge, encr_measurement_key, FIELD_BASE64, FIELD_REQUIRED, WRAPPED_MAX),
	JSON_FIELD(struct challenge, encr_request_nonce, FIELD_BASE64, FIELD_REQUIRED, WRAPPED_MAX),
	JSON_FIELD(struct challenge, image_hdr_tags, FIELD_BASE64, FIELD_REQUIRED, SE_TAGS_SIZE),
};

static const struct json_table challenge_table = {
	.what = "Secure Execution challenge",
	.size = sizeof(struct challenge),
	.fields = challenge_fields,
	.n = ARRAY_LEN(challenge_fields),
	.open = true,
};

static void challenge_done(struct challenge *c)
{
	json_release(&challenge_table, c);
}

/* ---- the ultravisor's answer ---- */
struct answer {
	struct buf measurement, additional;
	struct bytes user_data;
	struct se_uvio_attest uv;
};

static void answer_done(struct answer *a)
{
	buf_done(&a->measurement);
	buf_done(&a->additional);
}

static struct err refused(const struct se_uvio_ioctl_cb *cb)
{
	const char *text = "not a known code";

	for (const struct tee_code *k = se_codes; k->text; k++)
		if (k->code == cb->uv_rc)
			text = k->text;
	return err_new(ERR_PEER,
		"the ultravisor refused the request: rc 0x%x (%s), reason 0x%x: was the request "
		"made for this host's key, and may this image be attested?",
		(unsigned)cb->uv_rc, text, (unsigned)cb->uv_rrc);
}

static uint64_t address_of(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static RESULT make_room(struct buf *b, size_t n, const char *what)
{
	*b = BUF_INIT(SE_ADDITIONAL_MAX);
	buf_zero(b, n);
	return buf_end(b, what);
}

static RESULT ask(const struct tee_guest *g, const struct challenge *c, struct answer *a)
{
	struct se_uvio_ioctl_cb cb = {
		.argument_addr = address_of(&a->uv),
		.argument_len = sizeof(a->uv),
	};

	TRY(make_room(&a->measurement, c->measurement_size, "measurement"));
	TRY(make_room(&a->additional, c->additional_size, "additional data"));
	a->uv.arcb_addr = address_of(c->request_blob.p);
	a->uv.arcb_len = (uint32_t)c->request_blob.n;
	a->uv.meas_addr = address_of(a->measurement.p);
	a->uv.meas_len = (uint32_t)a->measurement.n;
	a->uv.add_data_addr = address_of(a->additional.p);
	a->uv.add_data_len = (uint32_t)a->additional.n;
	struct err e = guest_io_control(&g->io, SE_UV_DEVICE, SE_UVIO_IOCTL_ATT, &cb);
	if (e.code == ERR_NOT_FOUND)
		return err_add(e, "is the kernel's uvdevice there, is this a Secure Execution "
				  "guest?");
	if (e.code == ERR_SYS && cb.uv_rc != 0 && cb.uv_rc != SE_UV_EXECUTED)
		return refused(&cb);
	if (failed(e))
		return err_add(e, "asking the ultravisor for a measurement");
	if (cb.uv_rc != SE_UV_EXECUTED)
		return refused(&cb);
	if (a->uv.add_data_len > a->additional.n || a->uv.meas_len != SE_MEASUREMENT)
		return err_new(ERR_FORMAT,
			SE_UV_DEVICE ": measurement of %u bytes, additional data of %u for %zu",
			(unsigned)a->uv.meas_len, (unsigned)a->uv.add_data_len, a->additional.n);
	a->additional.n = a->uv.add_data_len;
	return OK;
}

/* 64 bytes of runtime data, then the initdata's digest when there is initdata. */
static RESULT put_user_data(const struct tee_guest *g, struct bytes report_data, struct answer *a)
{
	size_t n = GUEST_REPORT_DATA;

	TRY(guest_fit_report_data(report_data, a->uv.user_data));
	if (!bytes_is_zero(digest_bytes(&g->initdata))) {
		tee_fit_digest(digest_bytes(&g->initdata), a->uv.user_data + GUEST_REPORT_DATA,
			GUEST_REPORT_DATA);
		n += GUEST_REPORT_DATA;
	}
	a->uv.user_data_len = (uint16_t)n;
	a->user_data = bytes_of(a->uv.user_data, n);
	return OK;
}

static struct err se_evidence_of(struct tee_guest *g, struct bytes report_data,
	const struct json *challenge_extra, struct buf *ret_json)
{
	AUTO(challenge_done) struct challenge c = { 0 };
	AUTO(answer_done) struct answer a = { 0 };
	struct json_writer w = jw_of(ret_json);

	if (json_type(challenge_extra) != JSON_OBJECT)
		return err_new(ERR_STATE, "Secure Execution makes evidence only for a broker's "
					  "challenge: there is none");
	TRY(json_decode(challenge_extra, &challenge_table, &c));
	TRY(put_user_data(g, report_data, &a));
	TRY(ask(g, &c, &a));
	jw_object(&w);
	jw_kbase64(&w, "measurement", buf_bytes(&a.measurement));
	jw_kbase64(&w, "additional_data", buf_bytes(&a.additional));
	jw_kbase64(&w, "user_data", a.user_data);
	jw_kbase64(&w, "cuid", BYTES_OF(a.uv.config_uid));
	jw_kbase64(&w, "encr_measurement_key", buf_bytes(&c.encr_measurement_key));
	jw_kbase64(&w, "encr_request_nonce", buf_bytes(&c.encr_request_nonce));
	jw_kbase64(&w, "image_hdr_tags", buf_bytes(&c.image_hdr_tags));
	jw_object_end(&w);
	return buf_end(ret_json, "Secure Execution evidence");
}

const struct tee_guest_ops se_guest_ops = {
	.detect = se_detect,
	.open = se_open,
	.close = se_close,
	.bind_initdata = se_bind_initdata,
	.evidence = se_evidence_of,
};
