#include "csv.h"
#include "int_bytes.h"

#include <base/encode.h>
#include <base/reader.h>

enum {
	MAGIC_SIZE = 16,
	USAGE_OFFSET = 8, /* in a PEK */
	MASK_SIZE = 4,
	V1_ANONCE_OFFSET = 188,
	NUMBER_FIELD = 72,
	USER_ID_SIZE = 254,
	EVENT_LOG_MAX = 1024 * 1024
};

static const uint8_t magic_v2[MAGIC_SIZE] = "ATTESTATION_EXT";

void csv_evidence_done(struct csv_evidence *e)
{
	buf_done(&e->data);
	buf_done(&e->hsk);
	buf_done(&e->cek);
	buf_done(&e->pek);
	buf_done(&e->event_log);
}

static void evidence_init(struct csv_evidence *e)
{
	*e = (struct csv_evidence){
		.data = BUF_INIT(CSV_DATA_SIZE),
		.hsk = BUF_INIT(CSV_CA_CERT_SIZE),
		.cek = BUF_INIT(CSV_CERT_SIZE),
		.pek = BUF_INIT(CSV_CERT_SIZE),
		.event_log = BUF_INIT(EVENT_LOG_MAX),
	};
}

static struct err set_serial(struct bytes in, struct csv_evidence *e)
{
	size_t n = in.n;

	while (n > 0 && in.p[n - 1] == 0)
		n--;
	if (n > CSV_SERIAL_SIZE)
		return err_new(ERR_FORMAT, "CSV evidence: serial number of %zu bytes", n);
	for (size_t i = 0; i < n; i++)
		if (in.p[i] < ' ' || in.p[i] > '~')
			return err_new(ERR_FORMAT, "CSV evidence: serial number: byte %zu", i);
	if (n > 0)
		memcpy(e->serial, in.p, n);
	e->serial[n] = '\0';
	return OK;
}

/* ---- binary ---- */
static bool is_pek(struct bytes b)
{
	struct csv_cert c;

	return !failed(csv_cert_parse(b, &c)) && !c.is_ca && c.usage == CSV_PEK;
}

/* PEK and serial number behind a report of `size` bytes, as they are or masked. */
static bool signer_at(struct bytes data, size_t size, bool masked, struct csv_evidence *e)
{
	size_t n = CSV_CERT_SIZE + CSV_SERIAL_SIZE;

	if (data.n < size + n)
		return false;
	buf_clear(&e->pek);
	for (size_t i = 0; i < CSV_CERT_SIZE; i++) {
		uint8_t mask = masked ? data.p[V1_ANONCE_OFFSET + (size + i) % MASK_SIZE] : 0;

		buf_u8(&e->pek, data.p[size + i] ^ mask);
	}
	if (!is_pek(buf_bytes(&e->pek)))
		return false;
	uint8_t serial[CSV_SERIAL_SIZE];
	for (size_t i = 0; i < sizeof(serial); i++) {
		size_t at = size + CSV_CERT_SIZE + i;
		uint8_t mask = masked ? data.p[V1_ANONCE_OFFSET + at % MASK_SIZE] : 0;

		serial[i] = data.p[at] ^ mask;
	}
	/* It is not needed for the verdict, and evidence may lack it. */
	if (failed(set_serial(BYTES_OF(serial), e)))
		e->serial[0] = '\0';
	return true;
}

/* struct csv_attestation_report_ext of the guest driver: magic, flags, data. */
static bool has_wrapper(struct bytes raw)
{
	return raw.n == CSV_WRAPPER_SIZE &&
	       (bytes_equal(bytes_of(raw.p, MAGIC_SIZE), bytes_of(magic_v2, MAGIC_SIZE)) ||
		       bytes_is_zero(bytes_of(raw.p, MAGIC_SIZE)));
}

/* Nothing in a bare report tells its version; the PEK stands behind it in both. */
RESULT csv_evidence_parse(struct bytes raw, struct csv_evidence *ret_evidence)
{
	AUTO(csv_evidence_done) struct csv_evidence e = { 0 };
	struct bytes data = raw;

	evidence_init(&e);
	if (has_wrapper(raw))
		data = bytes_of(raw.p + CSV_WRAPPER_SIZE - CSV_DATA_SIZE, CSV_DATA_SIZE);
	if (data.n > CSV_DATA_SIZE)
		return err_new(ERR_FORMAT, "CSV evidence: %zu bytes", raw.n);
	if (signer_at(data, CSV_REPORT_V1_SIZE, false, &e) ||
		signer_at(data, CSV_REPORT_V1_SIZE, true, &e))
		e.version = 1;
	else if (signer_at(data, CSV_REPORT_V2_SIZE, false, &e))
		e.version = 2;
	else
		return err_new(ERR_FORMAT, "CSV evidence: no PEK behind the report (byte %d or %d)",
			CSV_REPORT_V1_SIZE, CSV_REPORT_V2_SIZE);
	buf_put(&e.data, data);
	TRY(buf_end(&e.data, "CSV evidence"));
	*ret_evidence = e;
	e = (struct csv_evidence){ 0 };
	return OK;
}

bool csv_evidence_is(struct bytes raw)
{
	AUTO(csv_evidence_done) struct csv_evidence e = { 0 };

	if (raw.n < CSV_REPORT_V1_SIZE + CSV_CERT_SIZE + CSV_SERIAL_SIZE ||
		raw.n > CSV_WRAPPER_SIZE)
		return false;
	return !failed(csv_evidence_parse(raw, &e));
}

/* ---- JSON: the structures member by member, as serde writes them ---- */
struct builder {
	struct buf *out;
	struct err e; /* the first failure */
};

/* The signed bytes are built again from the members, so each must be there and have its size. */
static void put_int(struct builder *b, const struct json *j, const char *name, size_t width)
{
	uint64_t v;

	if (failed(b->e))
		return;
	if (!json_u64(json_get(j, name), &v) || (width < 8 && v >> (8 * width) != 0))
		b->e = err_new(ERR_FORMAT, "CSV certificate: %s", name);
	else
		buf_le(b->out, v, width);
}

static void put_array(struct builder *b, const struct json *j, const char *name, size_t n)
{
	uint8_t v[1024];

	if (failed(b->e))
		return;
	b->e = int_bytes_fixed(json_get(j, name), name, v, n);
	if (!failed(b->e))
		buf_put(b->out, bytes_of(v, n));
}

static void put_point(struct builder *b, const struct json *key)
{
	put_int(b, key, "g", 4);
	put_array(b, key, "x", NUMBER_FIELD);
	put_array(b, key, "y", NUMBER_FIELD);
}

static void put_signature(struct builder *b, const struct json *sig)
{
	put_array(b, sig, "r", NUMBER_FIELD);
	put_array(b, sig, "s", NUMBER_FIELD);
}

static struct err build_ca(const struct json *j, struct buf *out)
{
	struct builder b = { .out = out, .e = OK };
	const struct json *body = json_get(j, "body");
	const struct json *preamble = json_get(body, "preamble");
	const struct json *data = json_get(preamble, "data");

	put_int(&b, preamble, "ver", 4);
	put_array(&b, data, "kid", CSV_KEY_ID_SIZE);
	put_array(&b, data, "sid", CSV_KEY_ID_SIZE);
	put_int(&b, data, "usage", 4);
	put_array(&b, data, "reserved", 24);
	put_point(&b, json_get(body, "pubkey"));
	put_int(&b, body, "uid_size", 2);
	put_array(&b, body, "user_id", USER_ID_SIZE);
	put_array(&b, body, "reserved", 108);
	put_signature(&b, json_get(j, "signature"));
	put_array(&b, j, "_reserved", 112);
	TRY(b.e);
	return buf_end(out, "CSV certificate");
}

static struct err build_cert(const struct json *j, struct buf *out)
{
	struct builder b = { .out = out, .e = OK };
	const struct json *body = json_get(j, "body");
	const struct json *data = json_get(body, "data");
	const struct json *pubkey = json_get(data, "pubkey");

	put_int(&b, body, "ver", 4);
	put_int(&b, json_get(data, "firmware"), "major", 1);
	put_int(&b, json_get(data, "firmware"), "minor", 1);
	put_int(&b, data, "reserved1", 2);
	put_int(&b, pubkey, "usage", 4);
	put_int(&b, pubkey, "algo", 4);
	put_point(&b, json_get(pubkey, "key"));
	put_int(&b, data, "uid_size", 2);
	put_array(&b, data, "user_id", USER_ID_SIZE);
	put_array(&b, data, "sid", CSV_KEY_ID_SIZE);
	put_array(&b, data, "reserved2", 608);
	for (size_t i = 0; i < 2; i++) {
		const struct json *sig = json_at(json_get(j, "sigs"), i);

		put_int(&b, sig, "usage", 4);
		put_int(&b, sig, "algo", 4);
		put_signature(&b, json_get(sig, "signature"));
		put_array(&b, sig, "_reserved", 368);
	}
	TRY(b.e);
	return buf_end(out, "CSV certificate");
}

static bool given(const struct json *j)
{
	return j && json_type(j) != JSON_NULL;
}

/* "flags" is the version less one, and the magic says the same. */
static struct err decode_report(const struct json *j, struct csv_evidence *e)
{
	uint8_t magic[MAGIC_SIZE], data[CSV_DATA_SIZE];
	uint64_t flags;

	if (!json_u64(json_get(j, "flags"), &flags) || flags > 1)
		return err_new(ERR_FORMAT, "CSV evidence: attestation_report.flags");
	TRY(int_bytes_fixed(
		json_get(j, "magic"), "CSV evidence: attestation_report.magic", magic, MAGIC_SIZE));
	TRY(int_bytes_fixed(
		json_get(j, "data"), "CSV evidence: attestation_report.data", data, sizeof(data)));
	if (bytes_equal(BYTES_OF(magic), bytes_of(magic_v2, MAGIC_SIZE)) != (flags == 1))
		return err_new(ERR_FORMAT, "CSV evidence: attestation_report.magic and flags");
	e->version = (unsigned)flags + 1;
	buf_put(&e->data, BYTES_OF(data));
	return buf_end(&e->data, "CSV evidence");
}

static struct err decode_chain(const struct json *j, struct csv_evidence *e)
{
	const struct json *hsk_cek = json_get(j, "hsk_cek");

	TRY(build_cert(json_get(j, "pek"), &e->pek));
	if (!given(hsk_cek))
		return OK;
	TRY(build_ca(json_get(hsk_cek, "hsk"), &e->hsk));
	return build_cert(json_get(hsk_cek, "cek"), &e->cek);
}

static struct err decode(const struct json *j, struct csv_evidence *e)
{
	AUTO(buf_done) struct buf serial = BUF_INIT(CSV_SERIAL_SIZE);
	const struct json *log = json_get(j, "cc_eventlog");

	TRY(decode_report(json_get(j, "attestation_report"), e));
	TRY(decode_chain(json_get(j, "cert_chain"), e));
	TRY(int_bytes(json_get(j, "serial_number"), "CSV evidence: serial_number", &serial));
	TRY(set_serial(buf_bytes(&serial), e));
	if (!given(log))
		return OK;
	if (!json_string(log))
		return err_new(ERR_FORMAT, "CSV evidence: cc_eventlog: not a string");
	return base64_decode(BASE64_STD, bytes_str(json_string(log)), "CSV evidence: cc_eventlog",
		&e->event_log);
}

RESULT csv_evidence_decode(const struct json *j, struct csv_evidence *ret_evidence)
{
	AUTO(csv_evidence_done) struct csv_evidence e = { 0 };

	evidence_init(&e);
	TRY(decode(j, &e));
	*ret_evidence = e;
	e = (struct csv_evidence){ 0 };
	return OK;
}
