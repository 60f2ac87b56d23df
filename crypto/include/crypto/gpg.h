/* OpenPGP signatures through GPGME, with a key ring of its own for each call. */
#pragma once

#include <base/buf.h>

/*
 * Verifies a signed message (one-pass signature, literal data) made by any primary or signing key
 * in `keyring` (binary or armoured). Appends the signed content to `content`. `fingerprint` gets 40
 * hex digits and a NUL. ERR_UNVERIFIED with the reason: no good signature, key expired, revoked.
 */
RESULT gpg_verify(struct bytes keyring, struct bytes message, struct buf *content,
	char fingerprint[static 41]);
/* Signs `content` into one OpenPGP message with the secret key in `home` (tests, image sign). */
RESULT gpg_sign(const char *home, const char *key_id, struct bytes content, struct buf *message);
