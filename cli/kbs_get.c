#include "kbs_get.h"

#include <string.h>
#include <unistd.h>

#include <base/file.h>
#include <crypto/jose.h>

enum {
	TOKEN_MAX = 1024 * 1024,
	JWE_MAX = 4 * 1024 * 1024,
	PEM_MAX = 64 * 1024
};

struct guest_token {
	char *token, *tee_keypair;
};
static const struct json_field token_fields[] = {
	JSON_FIELD(struct guest_token, token, FIELD_STR, FIELD_REQUIRED, TOKEN_MAX),
	JSON_FIELD(struct guest_token, tee_keypair, FIELD_STR, FIELD_REQUIRED, PEM_MAX),
};
static const struct json_table token_table = {
	.what = "guest token",
	.size = sizeof(struct guest_token),
	.fields = token_fields,
	.n = ARRAY_LEN(token_fields),
};

static void guest_token_done(struct guest_token *t)
{
	if (t->tee_keypair)
		bytes_wipe(t->tee_keypair, strlen(t->tee_keypair));
	json_release(&token_table, t);
}

static RESULT load(const char *path, struct guest_token *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TOKEN_MAX);

	TRY(file_read(path, &text));
	struct err e = json_decode_text(buf_bytes(&text), &token_table, ret);
	bytes_wipe(text.p, text.n);
	return failed(e) ? err_add(e, "%s", path) : OK;
}

RESULT kbs_get(const struct kbs_get_options *o, const char *resource)
{
	AUTO(guest_token_done) struct guest_token t = { 0 };
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf jwe = BUF_INIT(JWE_MAX);
	AUTO(secret_freep) struct secret *value = NULL;
	AUTO(auto_free) char *path = NULL;
	struct kbs_admin_call call = { .method = "GET" };

	TRY(load(o->token, &t));
	TRY(key_parse_private(bytes_str(t.tee_keypair), &key));
	TRY(str_format(&path, "resource/%s", resource));
	call.path = path;
	call.token = t.token;
	TRY(kbs_admin_do(&o->broker, &call, &jwe));
	TRY(jwe_open(key, buf_bytes(&jwe), &value));
	return fd_write_all(STDOUT_FILENO, secret_bytes(value));
}
