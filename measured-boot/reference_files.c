#include "reference_files.h"

#include <base/file.h>

static RESULT write_file(const char *dir, const char *name, struct bytes data)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(dir, name, &path));
	return file_write_atomic(path, data, 0644);
}

static RESULT write_signed(
	const char *dir, const char *name, struct bytes data, const struct key *key)
{
	AUTO(buf_done) struct buf signature = BUF_INIT(MANIFEST_SIGNATURE_MAX);
	AUTO(auto_free) char *beside = NULL;

	TRY(write_file(dir, name, data));
	if (!key)
		return OK;
	TRY(manifest_sign_json(data, key, &signature));
	TRY(str_format(&beside, "%s.sig", name));
	return write_file(dir, beside, buf_bytes(&signature));
}

RESULT reference_files_write(
	const char *dir, const struct manifest *m, const struct key *key, const char *signer)
{
	AUTO(buf_done) struct buf json = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf trustee = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf corim = BUF_INIT(MANIFEST_FILE_MAX);

	TRY(manifest_print(m, &json));
	TRY(manifest_print_trustee(m, &trustee));
	if (key)
		TRY(manifest_sign_corim(m, key, signer, &corim));
	else
		TRY(manifest_to_corim(m, &corim));
	TRY(write_signed(dir, "reference-values.json", buf_bytes(&json), key));
	TRY(write_signed(dir, "reference-values.trustee.json", buf_bytes(&trustee), key));
	return write_file(dir, "reference-values.corim", buf_bytes(&corim));
}
