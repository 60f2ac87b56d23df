/* Who may administer: bearers of a JWT signed by one of the configured Ed25519 keys. */
#pragma once

#include "broker.h"

/*
 * The Authorization header of the request: EdDSA signature, "exp" in the future, "role":"admin".
 * ERR_UNVERIFIED (no or bad token) or ERR_DENIED (other role), with a denial that says which.
 */
RESULT admin_check(const struct broker *b, const char *authorization, int64_t now);
