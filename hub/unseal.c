/* Sealed secrets: key and resource both come from the broker, over the one session. */
#include "hub.h"

#include <keybroker-client/sealed_secret.h>

RESULT hub_unseal(struct hub *h, struct bytes text, struct secret **ret_plain)
{
	AUTO(sealed_secret_done) struct sealed_secret s = { 0 };
	AUTO(secret_freep) struct secret *jwk = NULL;
	struct err e;

	TRY(sealed_secret_parse(text, &s));
	e = hub_resource(h, s.kid, &jwk);
	if (failed(e))
		return err_add(e, "key %s of the sealed secret", s.kid);
	TRY(sealed_secret_verify(&s, secret_bytes(jwk)));
	e = hub_resource(h, s.name, ret_plain);
	return failed(e) ? err_add(e, "resource %s of the sealed secret", s.name) : OK;
}
