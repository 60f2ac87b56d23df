#include <stdlib.h>

#include <base/encode.h>
#include <base/random.h>
#include <image-rs/ocicrypt.h>

enum {
	KEK_SIZE = 32
};

struct packet_json {
	char *kid, *wrap_type, *version, *provider;
	struct buf wrapped_data, iv;
};
/* guest-components "AnnotationPacket" v1 and v2 */
static const struct json_field packet_fields[] = {
	JSON_FIELD(struct packet_json, kid, FIELD_STR, FIELD_REQUIRED, 1024),
	JSON_FIELD(struct packet_json, wrapped_data, FIELD_BASE64, FIELD_REQUIRED, IMG_PACKET_MAX),
	JSON_FIELD(struct packet_json, iv, FIELD_BASE64, FIELD_NULLABLE, CTR_NONCE),
	JSON_FIELD(struct packet_json, wrap_type, FIELD_STR, FIELD_NULLABLE, 32),
	JSON_FIELD(struct packet_json, version, FIELD_STR, 0, 32),
	JSON_FIELD(struct packet_json, provider, FIELD_STR, 0, 64),
};
static const struct json_table packet_table = {
	.what = "annotation packet",
	.size = sizeof(struct packet_json),
	.fields = packet_fields,
	.n = ARRAY_LEN(packet_fields),
	.open = true,
};

static RESULT check_packet(const struct packet_json *j)
{
	if (j->provider && !str_equal(j->provider, "kbs"))
		return err_new(
			ERR_UNSUPPORTED, "annotation packet: provider \"%.60s\"", j->provider);
	if (!j->wrap_type || j->iv.n == 0)
		return err_new(ERR_FORMAT, "annotation packet: needs iv and wrap_type");
	if (str_equal(j->wrap_type, "A256GCM") && j->iv.n == GCM_IV)
		return OK;
	if (str_equal(j->wrap_type, "A256CTR") && j->iv.n == CTR_NONCE)
		return OK;
	return err_new(ERR_UNSUPPORTED, "annotation packet: wrap_type \"%.30s\" with an iv of %zu",
		j->wrap_type, j->iv.n);
}

RESULT img_packet_parse(struct bytes json, struct img_packet *ret)
{
	struct packet_json j = { 0 };

	if (json.n > IMG_PACKET_MAX)
		return err_new(ERR_LIMIT, "annotation packet: %zu bytes", json.n);
	TRY(json_decode_text(json, &packet_table, &j));
	struct err e = check_packet(&j);
	if (!failed(e)) {
		*ret = (struct img_packet){ .kid = TAKE(j.kid),
			.wrap_type = TAKE(j.wrap_type),
			.wrapped_data = j.wrapped_data,
			.iv = j.iv };
		j.wrapped_data = j.iv = (struct buf){ 0 };
	}
	json_release(&packet_table, &j);
	return e;
}

void img_packet_done(struct img_packet *p)
{
	free(p->kid);
	free(p->wrap_type);
	buf_done(&p->wrapped_data);
	buf_done(&p->iv);
	*p = (struct img_packet){ 0 };
}

static RESULT open_gcm(const struct img_packet *p, struct bytes kek, struct secret **ret_options)
{
	struct bytes data = buf_bytes(&p->wrapped_data);

	if (data.n <= GCM_TAG)
		return err_new(ERR_FORMAT, "annotation packet: wrapped_data of %zu bytes", data.n);
	size_t n = data.n - GCM_TAG;
	struct err e = aes_gcm_open(kek, buf_bytes(&p->iv), BYTES_NONE, bytes_of(data.p, n),
		bytes_of(data.p + n, GCM_TAG), ret_options);
	if (e.code == ERR_UNVERIFIED)
		return err_deny(ERR_UNVERIFIED, "image.key-wrap", "wrapped_data",
			"private options wrapped with this key", p->kid);
	return e;
}

static RESULT open_ctr(const struct img_packet *p, struct bytes kek, struct secret **ret_options)
{
	AUTO(secret_freep) struct secret *plain = NULL;
	AUTO(ctr_freep) struct ctr_ctx *ctr = NULL;

	if (p->wrapped_data.n == 0)
		return err_new(ERR_FORMAT, "annotation packet: no wrapped_data");
	TRY(secret_new(p->wrapped_data.n, &plain));
	TRY(ctr_new(kek, buf_bytes(&p->iv), &ctr));
	TRY(ctr_update(ctr, buf_bytes(&p->wrapped_data), secret_data(plain)));
	*ret_options = TAKE(plain);
	return OK;
}

RESULT img_packet_open(const struct img_packet *p, struct bytes kek, struct secret **ret_options)
{
	if (kek.n != KEK_SIZE)
		return err_new(ERR_FORMAT, "key %.200s has %zu bytes instead of %d", p->kid, kek.n,
			KEK_SIZE);
	return str_equal(p->wrap_type, "A256GCM") ? open_gcm(p, kek, ret_options)
						  : open_ctr(p, kek, ret_options);
}

RESULT img_packet_seal(const char *kid, struct bytes kek, struct bytes options, struct buf *out)
{
	AUTO(buf_done) struct buf wrapped = BUF_INIT(IMG_PACKET_MAX);
	struct json_writer w = jw_of(out);
	uint8_t iv[GCM_IV], tag[GCM_TAG];

	if (kek.n != KEK_SIZE)
		return err_new(
			ERR_FORMAT, "the image key has %zu bytes instead of %d", kek.n, KEK_SIZE);
	TRY(random_fill(iv, sizeof(iv)));
	TRY(aes_gcm_seal(kek, BYTES_OF(iv), BYTES_NONE, options, &wrapped, tag));
	buf_put(&wrapped, BYTES_OF(tag));
	TRY(buf_end(&wrapped, "annotation packet"));
	jw_object(&w);
	jw_kstr(&w, "kid", kid);
	jw_kbase64(&w, "wrapped_data", buf_bytes(&wrapped));
	jw_kbase64(&w, "iv", BYTES_OF(iv));
	jw_kstr(&w, "wrap_type", "A256GCM");
	jw_object_end(&w);
	return buf_end(out, "annotation packet");
}

void img_packets_done(struct img_packets *p)
{
	for (size_t i = 0; i < p->n; i++)
		buf_done(&p->v[i]);
	p->n = 0;
}

static RESULT add_packets(const char *list, struct img_packets *p)
{
	while (*list) {
		size_t n = strcspn(list, ",");
		if (p->n == IMG_PACKETS_MAX)
			return err_new(
				ERR_LIMIT, "more than %d annotation packets", IMG_PACKETS_MAX);
		struct buf *b = &p->v[p->n++];
		*b = BUF_INIT(IMG_PACKET_MAX);
		TRY(base64_decode(BASE64_STD, bytes_of(list, n), "annotation packet", b));
		list += n + (list[n] == ',');
	}
	return OK;
}

RESULT img_packets_of(const struct json_map *annotations, struct img_packets *ret)
{
	AUTO(img_packets_done) struct img_packets p = { 0 };

	for (size_t i = 0; i < annotations->n; i++)
		if (str_starts(annotations->v[i].name, IMG_ENC_KEYS_PREFIX))
			TRY(add_packets(annotations->v[i].value, &p));
	if (p.n == 0)
		return err_new(
			ERR_NOT_FOUND, "the layer has no annotation %s*", IMG_ENC_KEYS_PREFIX);
	*ret = p;
	p.n = 0;
	return OK;
}
