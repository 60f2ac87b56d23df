/* ocicrypt annotation packets (spec: guest-components 3.5). */
#include "hub.h"

#include <crypto/cipher.h>

enum {
	WRAPPED_MAX = 4096,
	NAME_LIMIT = 1024
};

struct packet { /* v1 and v2: v2's further members have defaults */
	char *kid, *wrap_type, *provider, *version;
	struct buf wrapped_data, iv;
	const struct json *provider_settings, *annotations;
};

static const struct json_field packet_fields[] = {
	JSON_FIELD(struct packet, kid, FIELD_STR, FIELD_REQUIRED, NAME_LIMIT),
	JSON_FIELD(struct packet, wrapped_data, FIELD_BASE64, FIELD_REQUIRED, WRAPPED_MAX),
	JSON_FIELD(struct packet, iv, FIELD_BASE64, FIELD_NULLABLE, 64),
	JSON_FIELD(struct packet, wrap_type, FIELD_STR, FIELD_NULLABLE, 32),
	JSON_FIELD(struct packet, provider, FIELD_STR, FIELD_NULLABLE, 32),
	JSON_FIELD(struct packet, version, FIELD_STR, FIELD_NULLABLE, 32),
	JSON_FIELD(struct packet, provider_settings, FIELD_JSON, FIELD_NULLABLE, 0),
	JSON_FIELD(struct packet, annotations, FIELD_JSON, FIELD_NULLABLE, 0),
};
static const struct json_table packet_table = {
	.what = "annotation packet",
	.size = sizeof(struct packet),
	.fields = packet_fields,
	.n = ARRAY_LEN(packet_fields),
};
static void packet_done(struct packet *p)
{
	json_release(&packet_table, p);
}

/* ciphertext || tag */
static RESULT open_gcm(const struct packet *p, struct bytes kek, struct secret **ret)
{
	struct bytes sealed = buf_bytes(&p->wrapped_data);

	if (sealed.n < GCM_TAG || p->iv.n != GCM_IV)
		return err_new(
			ERR_FORMAT, "annotation packet: A256GCM needs a 12-byte iv and a tag");
	struct bytes cipher = bytes_of(sealed.p, sealed.n - GCM_TAG);
	struct bytes tag = bytes_of(sealed.p + cipher.n, GCM_TAG);
	return aes_gcm_open(kek, buf_bytes(&p->iv), BYTES_NONE, cipher, tag, ret);
}

static RESULT open_ctr(const struct packet *p, struct bytes kek, struct secret **ret)
{
	AUTO(ctr_freep) struct ctr_ctx *ctr = NULL;
	AUTO(secret_freep) struct secret *plain = NULL;

	if (p->iv.n != CTR_NONCE)
		return err_new(ERR_FORMAT, "annotation packet: A256CTR needs a 16-byte iv");
	TRY(secret_of(buf_bytes(&p->wrapped_data), &plain));
	TRY(ctr_new(kek, buf_bytes(&p->iv), &ctr));
	TRY(ctr_update(ctr, buf_bytes(&p->wrapped_data), secret_data(plain)));
	*ret = TAKE(plain);
	return OK;
}

RESULT hub_unwrap(struct hub *h, struct bytes text, struct secret **ret_options)
{
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(packet_done) struct packet p = { 0 };
	AUTO(secret_freep) struct secret *kek = NULL;

	TRY(json_parse(text, &tree));
	TRY(json_decode(tree, &packet_table, &p));
	if (p.provider && !str_equal(p.provider, "kbs"))
		return err_new(ERR_UNSUPPORTED, "annotation packet: provider %s", p.provider);
	struct err e = hub_resource(h, p.kid, &kek);
	if (failed(e))
		return err_add(e, "key %s", p.kid);
	if (secret_size(kek) != AES256_KEY)
		return err_new(ERR_FORMAT, "key %s has %zu bytes, not 32", p.kid, secret_size(kek));
	if (!p.wrap_type || str_equal(p.wrap_type, "A256GCM"))
		e = open_gcm(&p, secret_bytes(kek), ret_options);
	else if (str_equal(p.wrap_type, "A256CTR"))
		e = open_ctr(&p, secret_bytes(kek), ret_options);
	else
		return err_new(ERR_UNSUPPORTED, "annotation packet: wrap_type %s", p.wrap_type);
	return failed(e) ? err_add(e, "key %s does not open the layer's packet", p.kid) : OK;
}
