#include <attestation/attestation.h>

enum {
	RUNTIME_DATA_MAX = JSON_SIZE_MAX
};

RESULT runtime_data_digest(enum digest_alg alg, const char *nonce, struct bytes jwk,
	const char *additional_evidence, struct digest_value *ret_digest)
{
	AUTO(buf_done) struct buf text = BUF_INIT(RUNTIME_DATA_MAX);
	AUTO(buf_done) struct buf canonical = BUF_INIT(RUNTIME_DATA_MAX);
	AUTO(json_freep) struct json *tree = NULL;
	struct json_writer w = jw_of(&text);

	jw_object(&w);
	jw_kstr(&w, "additional-evidence", additional_evidence);
	jw_kstr(&w, "nonce", nonce);
	jw_key(&w, "tee-pubkey");
	jw_raw(&w, jwk);
	jw_object_end(&w);
	TRY(buf_end(&text, "runtime data"));
	TRY(json_parse(buf_bytes(&text), &tree));
	TRY(json_print_canonical(tree, &canonical));
	TRY(buf_end(&canonical, "runtime data"));
	return digest(alg, buf_bytes(&canonical), ret_digest);
}
