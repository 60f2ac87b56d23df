/* The files that carry a manifest beside the image. */
#pragma once

#include <crypto/key.h>
#include <measured-boot/manifest.h>

/*
 * reference-values.json, reference-values.trustee.json and reference-values.corim in `dir`; with a
 * key the CoRIM is signed, and the JSON files get their signatures (.sig) beside them. `signer`:
 * the CoRIM's name of who signs.
 */
RESULT reference_files_write(
	const char *dir, const struct manifest *m, const struct key *key, const char *signer);
