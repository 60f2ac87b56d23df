#include "csv_gen.h"
#include "util.h"

#include <base/encode.h>
#include <base/reader.h>

/* serde's form of the structures, read from their bytes again. */
static void put_bytes(struct json_writer *w, const char *name, struct bytes b)
{
	jw_key(w, name);
	jw_array(w);
	for (size_t i = 0; i < b.n; i++)
		jw_u64(w, b.p[i]);
	jw_array_end(w);
}

static void take_bytes(struct json_writer *w, const char *name, struct reader *r, size_t n)
{
	put_bytes(w, name, rd_take(r, n));
}

static void take_int(struct json_writer *w, const char *name, struct reader *r, size_t width)
{
	uint64_t v = rd_le(r, width);

	jw_ku64(w, name, v);
}

static void take_point(struct json_writer *w, const char *name, struct reader *r)
{
	jw_key(w, name);
	jw_object(w);
	take_int(w, "g", r, 4);
	take_bytes(w, "x", r, 72);
	take_bytes(w, "y", r, 72);
	jw_object_end(w);
}

static void take_signature(struct json_writer *w, struct reader *r)
{
	jw_key(w, "signature");
	jw_object(w);
	take_bytes(w, "r", r, 72);
	take_bytes(w, "s", r, 72);
	jw_object_end(w);
}

static void put_ca(struct json_writer *w, const char *name, struct bytes cert)
{
	struct reader r = rd_of(cert);

	jw_key(w, name);
	jw_object(w);
	jw_key(w, "body");
	jw_object(w);
	jw_key(w, "preamble");
	jw_object(w);
	take_int(w, "ver", &r, 4);
	jw_key(w, "data");
	jw_object(w);
	take_bytes(w, "kid", &r, 16);
	take_bytes(w, "sid", &r, 16);
	take_int(w, "usage", &r, 4);
	take_bytes(w, "reserved", &r, 24);
	jw_object_end(w);
	jw_object_end(w);
	take_point(w, "pubkey", &r);
	take_int(w, "uid_size", &r, 2);
	take_bytes(w, "user_id", &r, 254);
	take_bytes(w, "reserved", &r, 108);
	jw_object_end(w);
	take_signature(w, &r);
	take_bytes(w, "_reserved", &r, 112);
	jw_object_end(w);
	assert_ok(rd_end(&r, "CA certificate"));
}

static void take_body(struct json_writer *w, struct reader *r)
{
	jw_key(w, "body");
	jw_object(w);
	take_int(w, "ver", r, 4);
	jw_key(w, "data");
	jw_object(w);
	jw_key(w, "firmware");
	jw_object(w);
	take_int(w, "major", r, 1);
	take_int(w, "minor", r, 1);
	jw_object_end(w);
	take_int(w, "reserved1", r, 2);
	jw_key(w, "pubkey");
	jw_object(w);
	take_int(w, "usage", r, 4);
	take_int(w, "algo", r, 4);
	take_point(w, "key", r);
	jw_object_end(w);
	take_int(w, "uid_size", r, 2);
	take_bytes(w, "user_id", r, 254);
	take_bytes(w, "sid", r, 16);
	take_bytes(w, "reserved2", r, 608);
	jw_object_end(w);
	jw_object_end(w);
}

static void put_cert(struct json_writer *w, const char *name, struct bytes cert)
{
	struct reader r = rd_of(cert);

	jw_key(w, name);
	jw_object(w);
	take_body(w, &r);
	jw_key(w, "sigs");
	jw_array(w);
	for (size_t i = 0; i < 2; i++) {
		jw_object(w);
		take_int(w, "usage", &r, 4);
		take_int(w, "algo", &r, 4);
		take_signature(w, &r);
		take_bytes(w, "_reserved", &r, 368);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	assert_ok(rd_end(&r, "certificate"));
}

void csv_gen_json(const struct csv_gen *g, bool hsk_cek, struct buf *out)
{
	static const uint8_t magic[2][16] = { { 0 }, "ATTESTATION_EXT" };
	AUTO(buf_done) struct buf data = BUF_INIT(CSV_DATA_SIZE);
	uint8_t serial[CSV_SERIAL_SIZE] = { 0 };
	struct json_writer w = jw_of(out);

	csv_gen_data(g, &data);
	memcpy(serial, g->serial, strlen(g->serial));
	jw_object(&w);
	jw_key(&w, "attestation_report");
	jw_object(&w);
	put_bytes(&w, "data", buf_bytes(&data));
	jw_ku64(&w, "flags", g->version - 1);
	put_bytes(&w, "magic", BYTES_OF(magic[g->version - 1]));
	jw_object_end(&w);
	jw_key(&w, "cert_chain");
	jw_object(&w);
	if (hsk_cek) {
		jw_key(&w, "hsk_cek");
		jw_object(&w);
		put_ca(&w, "hsk", buf_bytes(&g->hsk));
		put_cert(&w, "cek", buf_bytes(&g->cek));
		jw_object_end(&w);
	}
	put_cert(&w, "pek", buf_bytes(&g->pek));
	jw_object_end(&w);
	put_bytes(&w, "serial_number", BYTES_OF(serial));
	if (g->event_log.n > 0)
		jw_kbase64(&w, "cc_eventlog", g->event_log);
	jw_object_end(&w);
	assert_ok(buf_end(out, "CSV evidence"));
}
