#include <string.h>

#include <gpgme.h>

#include <base/file.h>
#include <crypto/gpg.h>

enum {
	FINGERPRINT_SIZE = 40, /* version 4 keys */
	PATH_SIZE = 64
};

/*
 * Whoever is in the ring is trusted: that is what the ring is for. No agent is started, nothing is
 * fetched, and SHA-1 signatures do not count.
 */
static const char config[] = "trust-model always\n"
			     "no-auto-check-trustdb\n"
			     "no-auto-key-locate\n"
			     "no-auto-key-import\n"
			     "no-autostart\n"
			     "weak-digest SHA1\n";

static void ctx_freep(gpgme_ctx_t *ctx)
{
	if (*ctx)
		gpgme_release(*ctx);
}

static void data_freep(gpgme_data_t *data)
{
	if (*data)
		gpgme_data_release(*data);
}

static void key_unrefp(gpgme_key_t *key)
{
	if (*key)
		gpgme_key_unref(*key);
}

static void home_remove(char (*home)[PATH_SIZE])
{
	if ((*home)[0])
		err_ignore(dir_remove_tree(*home)); /* a left-over holds public keys only */
}

static RESULT check(gpgme_error_t error, enum err_code code, const char *what)
{
	char text[128] = "";

	if (!error)
		return OK;
	(void)gpgme_strerror_r(error, text, sizeof(text));
	return err_new(code, "%s: %s", what, text);
}

static RESULT ctx_new(const char *home, gpgme_ctx_t *ret_ctx)
{
	AUTO(ctx_freep) gpgme_ctx_t ctx = NULL;

	if (!gpgme_check_version("1.18.0"))
		return err_new(ERR_UNSUPPORTED, "GPGME: older than 1.18");
	TRY(check(gpgme_engine_check_version(GPGME_PROTOCOL_OpenPGP), ERR_UNSUPPORTED, "gpg"));
	TRY(check(gpgme_new(&ctx), ERR_NOMEM, "GPGME"));
	TRY(check(gpgme_set_protocol(ctx, GPGME_PROTOCOL_OpenPGP), ERR_CRYPTO, "GPGME"));
	TRY(check(gpgme_ctx_set_engine_info(ctx, GPGME_PROTOCOL_OpenPGP, NULL, home), ERR_CRYPTO,
		"GPGME"));
	gpgme_set_armor(ctx, 0);
	*ret_ctx = TAKE(ctx);
	return OK;
}

/* A view: `bytes` must live as long. */
static RESULT data_of(struct bytes bytes, gpgme_data_t *ret_data)
{
	return check(gpgme_data_new_from_mem(ret_data, (const char *)bytes.p, bytes.n, 0),
		ERR_NOMEM, "GPGME");
}

/* Appends what was written to `data` and releases it. */
static RESULT data_take(gpgme_data_t *data, struct buf *out)
{
	size_t n = 0;
	char *p = gpgme_data_release_and_get_mem(*data, &n);

	*data = NULL;
	buf_put(out, bytes_of(p, p ? n : 0));
	gpgme_free(p);
	return buf_end(out, "OpenPGP content");
}

static RESULT home_make(char (*home)[PATH_SIZE])
{
	char path[PATH_SIZE] = "/tmp/sealpod-gpg-XXXXXX", file[PATH_SIZE + 16];

	if (!mkdtemp(path))
		return err_new(ERR_SYS, "making %s", path);
	memcpy(*home, path, sizeof(path));
	(void)snprintf(file, sizeof(file), "%s/gpg.conf", path);
	return file_write_atomic(file, bytes_str(config), 0600);
}

static RESULT import_ring(gpgme_ctx_t ctx, struct bytes keyring)
{
	AUTO(data_freep) gpgme_data_t data = NULL;

	TRY(data_of(keyring, &data));
	TRY(check(gpgme_op_import(ctx, data), ERR_FORMAT, "OpenPGP key ring"));
	const struct _gpgme_op_import_result *r = gpgme_op_import_result(ctx);
	if (!r || r->imported + r->unchanged <= 0)
		return err_new(ERR_FORMAT, "OpenPGP key ring: no key in it");
	return OK;
}

static const char *code_of(gpgme_error_t status)
{
	static const struct {
		gpg_err_code_t status;
		const char *code;
	} codes[] = {
		{ GPG_ERR_BAD_SIGNATURE, "gpg.bad-signature" },
		{ GPG_ERR_NO_PUBKEY, "gpg.unknown-key" },
		{ GPG_ERR_KEY_EXPIRED, "gpg.key-expired" },
		{ GPG_ERR_CERT_REVOKED, "gpg.key-revoked" },
		{ GPG_ERR_SIG_EXPIRED, "gpg.signature-expired" },
		{ GPG_ERR_DIGEST_ALGO, "gpg.weak-digest" },
	};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (codes[i].status == gpgme_err_code(status))
			return codes[i].code;
	}
	return "gpg.signature";
}

/* The one signature of the message. Several would leave open who vouches for the content. */
static RESULT good_signature(gpgme_ctx_t ctx, const char **ret_fingerprint)
{
	const struct _gpgme_op_verify_result *r = gpgme_op_verify_result(ctx);
	const struct _gpgme_signature *sig = r ? r->signatures : NULL;
	char text[128] = "";

	if (!sig)
		return err_deny(ERR_UNVERIFIED, "gpg.unsigned", "signature", "one", "none");
	if (sig->next)
		return err_deny(ERR_UNVERIFIED, "gpg.signature", "signature", "one", "several");
	(void)gpgme_strerror_r(sig->status, text, sizeof(text));
	/* With this trust model gpg calls no key valid or invalid, so the summary says nothing. */
	if (sig->status != GPG_ERR_NO_ERROR || sig->wrong_key_usage || sig->validity_reason ||
		sig->validity == GPGME_VALIDITY_NEVER || (sig->summary & GPGME_SIGSUM_RED))
		return err_deny(ERR_UNVERIFIED, code_of(sig->status), sig->fpr ? sig->fpr : "key",
			"a valid signature", text);
	*ret_fingerprint = sig->fpr;
	return OK;
}

/* Of the primary key, also when a subkey signed. */
static RESULT primary_fingerprint(
	gpgme_ctx_t ctx, const char *signer, char to[static FINGERPRINT_SIZE + 1])
{
	AUTO(key_unrefp) gpgme_key_t key = NULL;

	TRY(check(gpgme_get_key(ctx, signer, &key, 0), ERR_UNVERIFIED, "OpenPGP signer"));
	if (!key->fpr || strlen(key->fpr) != FINGERPRINT_SIZE)
		return err_new(ERR_UNSUPPORTED, "OpenPGP signer: version of the key");
	memcpy(to, key->fpr, FINGERPRINT_SIZE + 1);
	return OK;
}

static RESULT verify_in(const char *home, struct bytes keyring, struct bytes message,
	struct buf *content, char *ret_fpr)
{
	AUTO(ctx_freep) gpgme_ctx_t ctx = NULL;
	AUTO(data_freep) gpgme_data_t in = NULL;
	AUTO(data_freep) gpgme_data_t out = NULL;
	const char *signer = NULL;

	TRY(ctx_new(home, &ctx));
	TRY(import_ring(ctx, keyring));
	TRY(data_of(message, &in));
	TRY(check(gpgme_data_new(&out), ERR_NOMEM, "GPGME"));
	TRY(check(gpgme_op_verify(ctx, in, NULL, out), ERR_UNVERIFIED, "OpenPGP message"));
	TRY(good_signature(ctx, &signer));
	char fpr[FINGERPRINT_SIZE + 1];
	TRY(primary_fingerprint(ctx, signer, fpr));
	TRY(data_take(&out, content));
	memcpy(ret_fpr, fpr, sizeof(fpr));
	return OK;
}

RESULT gpg_verify(struct bytes keyring, struct bytes message, struct buf *content,
	char fingerprint[static 41])
{
	AUTO(home_remove) char home[PATH_SIZE] = "";

	TRY(home_make(&home));
	return verify_in(home, keyring, message, content, fingerprint);
}

RESULT gpg_sign(const char *home, const char *key_id, struct bytes content, struct buf *message)
{
	AUTO(ctx_freep) gpgme_ctx_t ctx = NULL;
	AUTO(key_unrefp) gpgme_key_t key = NULL;
	AUTO(data_freep) gpgme_data_t in = NULL;
	AUTO(data_freep) gpgme_data_t out = NULL;

	TRY(ctx_new(home, &ctx));
	TRY(check(gpgme_get_key(ctx, key_id, &key, 1), ERR_NOT_FOUND, key_id));
	TRY(check(gpgme_signers_add(ctx, key), ERR_NOMEM, "GPGME"));
	TRY(data_of(content, &in));
	TRY(check(gpgme_data_new(&out), ERR_NOMEM, "GPGME"));
	TRY(check(
		gpgme_op_sign(ctx, in, out, GPGME_SIG_MODE_NORMAL), ERR_CRYPTO, "OpenPGP signing"));
	return data_take(&out, message);
}
