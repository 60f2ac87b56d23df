#include "cca.h"

#include <stdio.h>

#include <base/encode.h>

enum {
	BASE64_MAX = 8192,
	NAME_MAX_TEXT = 96
};

/* Trustee's claims are EAR's, in which bytes are base64. */
static void add_base64(struct claims *c, const char *name, struct bytes value)
{
	AUTO(buf_done) struct buf text = BUF_INIT(BASE64_MAX);

	base64_encode(BASE64_STD, value, &text);
	const char *s = buf_cstr(&text);
	if (s)
		claims_str(c, name, s);
	else
		c->bad = ERR_NOMEM;
}

static void add_text(struct claims *c, const char *name, struct bytes value)
{
	AUTO(buf_done) struct buf text = BUF_INIT(BASE64_MAX);

	if (value.n == 0)
		return;
	buf_put(&text, value);
	const char *s = buf_cstr(&text);
	if (s)
		claims_str(c, name, s);
	else
		c->bad = ERR_NOMEM;
}

static void add_components(const struct cca_platform *p, struct claims *c)
{
	char name[NAME_MAX_TEXT];

	for (size_t i = 0; i < p->n_components; i++) {
		const struct cca_component *k = &p->components[i];
		int n = snprintf(
			name, sizeof(name), "cca.platform.cca-platform-sw-components.%zu.", i);
		char *end = name + n;
		size_t left = sizeof(name) - (size_t)n;

		(void)snprintf(end, left, "measurement-type");
		add_text(c, name, k->type);
		(void)snprintf(end, left, "measurement-value");
		add_base64(c, name, k->measurement);
		(void)snprintf(end, left, "signer-id");
		add_base64(c, name, k->signer);
		(void)snprintf(end, left, "version");
		add_text(c, name, k->version);
		(void)snprintf(end, left, "hash-algo-id");
		add_text(c, name, k->hash_alg);
	}
}

static void add_platform(const struct cca_platform *p, struct claims *c)
{
	add_text(c, "cca.platform.cca-platform-profile", p->profile);
	add_base64(c, "cca.platform.cca-platform-implementation-id", p->implementation_id);
	add_base64(c, "cca.platform.cca-platform-instance-id", p->instance_id);
	add_base64(c, "cca.platform.cca-platform-challenge", p->challenge);
	add_base64(c, "cca.platform.cca-platform-config", p->config);
	claims_u64(c, "cca.platform.cca-platform-lifecycle", p->lifecycle);
	add_components(p, c);
	add_text(c, "cca.platform.cca-platform-service-indicator", p->service);
	add_text(c, "cca.platform.cca-platform-hash-algo-id", p->hash_alg);
}

static void add_realm(const struct cca_realm *r, struct claims *c)
{
	add_text(c, "cca.realm.cca-realm-profile", r->profile);
	add_base64(c, "cca.realm.cca-realm-challenge", r->challenge);
	add_base64(c, "cca.realm.cca-realm-personalization-value", r->personalization);
	add_base64(c, "cca.realm.cca-realm-initial-measurement", r->rim);
	for (size_t i = 0; i < CCA_REMS; i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(BASE64_MAX);

		base64_encode(BASE64_STD, r->rem[i], &text);
		const char *s = buf_cstr(&text);
		if (s)
			claims_list_add(c, "cca.realm.cca-realm-extensible-measurements", s);
		else
			c->bad = ERR_NOMEM;
	}
	add_text(c, "cca.realm.cca-realm-hash-algo-id", r->hash_alg);
	add_base64(c, "cca.realm.cca-realm-public-key", r->rak);
	add_text(c, "cca.realm.cca-realm-public-key-hash-algo-id", r->rak_hash_alg);
}

void cca_claims(const struct cca_token *t, struct claims *c)
{
	add_realm(&t->realm, c);
	add_platform(&t->platform, c);
}
