#include "fake_se.h"

#include "s390-se/se_guest.h"
#include "util.h"

#include <errno.h>

enum {
	PEM_MAX = 16 * 1024,
	DAY = 86400,
	AREA = 128,
};

/* ---- IBM ---- */

static struct x509 *certificate(struct x509_make *m, struct buf *pem)
{
	AUTO(x509_list_done) struct x509_list list = { 0 };

	m->not_before = FAKE_SE_NOW - DAY;
	m->not_after = FAKE_SE_NOW + (int64_t)3650 * DAY;
	assert_ok(x509_make(m, pem));
	assert_ok(x509_list_parse(buf_bytes(pem), &list));
	struct x509 *first = list.v[0];
	list.n = 0;
	return first;
}

static void make_certificates(struct fake_se *f)
{
	static const struct x509_attribute ibm[] = {
		{ "C", "US" },
		{ "ST", "New York" },
		{ "L", "Poughkeepsie" },
		{ "O", "International Business Machines Corporation" },
		{ "OU", "IBM Z Host Key Signing Service" },
	};
	AUTO(buf_done) struct buf root = BUF_INIT(PEM_MAX), signing = BUF_INIT(PEM_MAX),
				  hkd = BUF_INIT(PEM_MAX);

	assert_ok(key_generate(KEY_P384, &f->root_key));
	assert_ok(key_generate(KEY_RSA, &f->signing_key));
	assert_ok(key_generate(KEY_P521, &f->host_key));
	f->root = certificate(&(struct x509_make){ .common_name = "Test Root",
				      .ca = true,
				      .subject_key = f->root_key,
				      .issuer_key = f->root_key },
		&root);
	f->signing = certificate(
		&(struct x509_make){ .common_name = "International Business Machines Corporation",
			.name = ibm,
			.n_name = ARRAY_LEN(ibm),
			.subject_key = f->signing_key,
			.issuer = f->root,
			.issuer_key = f->root_key },
		&signing);
	f->hkd = certificate(&(struct x509_make){ .common_name = "Test Machine",
				     .subject_key = f->host_key,
				     .issuer = f->signing,
				     .issuer_key = f->signing_key },
		&hkd);
	assert_ok(x509_list_parse(buf_bytes(&root), &f->anchors.vendor));
	f->certificates = BUF_INIT(PEM_MAX);
	buf_put(&f->certificates, buf_bytes(&hkd));
	buf_put(&f->certificates, buf_bytes(&signing));
	assert_ok(buf_end(&f->certificates, "certificates"));
}

void fake_se_list(const struct fake_se *f, bool of_root, struct buf *ret_der)
{
	const struct x509_crl_make m = {
		.issuer = of_root ? f->root : f->signing,
		.issuer_key = of_root ? f->root_key : f->signing_key,
		.this_update = FAKE_SE_NOW - DAY,
		.next_update = FAKE_SE_NOW + (int64_t)3650 * DAY,
		.number = 1,
	};

	assert_ok(x509_crl_make(&m, ret_der));
}

static void gather(struct fake_se *f)
{
	assert_ok(collateral_new(&f->collateral));
	assert_ok(collateral_add(f->collateral, buf_bytes(&f->certificates), "IBM"));
	for (int of_root = 0; of_root < 2; of_root++) {
		AUTO(buf_done) struct buf list = BUF_INIT(PEM_MAX);
		fake_se_list(f, of_root, &list);
		assert_ok(collateral_add(f->collateral, buf_bytes(&list), "IBM"));
	}
}

/* What is not compared may be anything. */
static void make_header(struct buf *out)
{
	buf_puts(out, "IBMSecEx");
	buf_be32(out, SE_VERSION);
	buf_be32(out, 0x1a0 + SE_SLOT_SIZE + AREA + SE_TAG_SIZE);
	buf_zero(out, 16);
	buf_be64(out, 1);
	buf_be64(out, AREA);
	buf_be64(out, 7);
	buf_be64(out, 0xe0);
	buf_zero(out, SE_PUBLIC_KEY);
	for (int i = 0; i < 3 * SE_PAGE_DIGEST; i++)
		buf_u8(out, 0x10 + i / SE_PAGE_DIGEST);
	buf_zero(out, SE_SLOT_SIZE + AREA);
	for (int i = 0; i < SE_TAG_SIZE; i++)
		buf_u8(out, 0x77);
	assert_ok(buf_end(out, "header"));
}

/* ---- the ultravisor ---- */

static void *pointer(uint64_t address)
{
	return (void *)(uintptr_t)address; /* NOLINT(performance-no-int-to-ptr): as ioctl does */
}

/* The request's slot of this host. */
static struct err open_request(
	const struct fake_se *f, struct bytes arcb, struct se_request_secrets *ret_secrets)
{
	const struct key *own = f->other_host ? f->other_host : f->host_key;
	AUTO(key_freep) struct key *customer = NULL;
	uint8_t phkh[SE_PHKH_SIZE];
	struct se_request q;

	TRY(se_request_parse(arcb, &q));
	TRY(se_public_key_parse(q.customer_key, &customer));
	TRY(se_phkh(own, phkh));
	for (size_t i = 0; i < q.n_slots; i++) {
		AUTO(secret_freep) struct secret *key = NULL;
		if (!bytes_equal(q.slots[i].phkh, BYTES_OF(phkh)))
			continue;
		TRY(se_slot_open(&q.slots[i], own, customer, &key));
		return se_request_open(&q, secret_bytes(key), ret_secrets);
	}
	return err_new(ERR_NOT_FOUND, "not for this host");
}

static void measure(
	const struct fake_se *f, const struct se_request_secrets *s, struct se_uvio_attest *uv)
{
	uint8_t *additional = pointer(uv->add_data_addr), tag[SE_TAG_SIZE];
	struct digest_value mac;
	struct se_header h;

	assert_int_equal(uv->add_data_len, SE_ADDITIONAL_SIZE);
	assert_int_equal(uv->meas_len, SE_MEASUREMENT);
	assert_ok(se_header_parse(buf_bytes(&f->header), &h));
	memcpy(tag, h.tag.p, sizeof(tag));
	tag[0] = (uint8_t)(tag[0] + f->other_image);
	if (f->less > uv->add_data_len) {
		uv->add_data_len++;
		return;
	}
	memcpy(uv->config_uid, f->cuid, sizeof(f->cuid));
	assert_ok(se_phkh(f->host_key, additional));
	assert_ok(se_phkh(f->host_key, additional + SE_PHKH_SIZE));
	uv->add_data_len -= (uint32_t)f->less;
	const struct se_measured m = {
		.pld = h.pld,
		.ald = h.ald,
		.tld = h.tld,
		.tag = BYTES_OF(tag),
		.cuid = BYTES_OF(uv->config_uid),
		.user_data = bytes_of(uv->user_data, uv->user_data_len),
		.nonce = BYTES_OF(s->nonce),
		.additional = bytes_of(additional, uv->add_data_len),
	};
	assert_ok(se_measure(&m, secret_bytes(s->measurement_key), &mac));
	memcpy(pointer(uv->meas_addr), mac.v, mac.n);
}

static struct err device_answer(void *arg, const char *device, unsigned long request, void *data)
{
	AUTO(se_request_secrets_done) struct se_request_secrets s = { 0 };
	struct se_uvio_ioctl_cb *cb = data;
	struct se_uvio_attest *uv = pointer(cb->argument_addr);
	struct fake_se *f = arg;

	assert_string_equal(device, "/dev/uv");
	assert_int_equal(request, 0xc0407501);
	assert_int_equal(cb->argument_len, 0x138);
	cb->uv_rc = f->rc;
	if (f->with)
		return fake_tsm_errno(f->with, device);
	if (f->rc)
		return OK;
	if (failed(open_request(f, bytes_of(pointer(uv->arcb_addr), uv->arcb_len), &s))) {
		cb->uv_rc = 0x108;
		return OK;
	}
	measure(f, &s, uv);
	cb->uv_rc = SE_UV_EXECUTED;
	return OK;
}

void fake_se_start(struct fake_se *f, const char *name)
{
	*f = (struct fake_se){ .header.max = SE_HEADER_MAX, .cuid = { 0xc1, 0xd2 } };
	fake_tsm_init(&f->tsm, name);
	f->tsm.arg = f;
	f->tsm.control = device_answer;
	fake_tsm_file(&f->tsm, SE_UV_DEVICE, BYTES_NONE);
	fake_tsm_file(&f->tsm, SE_UV_GUEST, bytes_str("1\n"));
	make_certificates(f);
	gather(f);
	make_header(&f->header);
}

void fake_se_stop(struct fake_se *f)
{
	collateral_freep(&f->collateral);
	x509_list_done(&f->anchors.vendor);
	x509_free(f->root);
	x509_free(f->signing);
	x509_free(f->hkd);
	key_free(f->root_key);
	key_free(f->signing_key);
	key_free(f->host_key);
	buf_done(&f->header);
	buf_done(&f->certificates);
}
