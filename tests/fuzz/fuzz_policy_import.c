/* Policies of genpolicy: what is carried over must be a manifest. */
#include <policy/manifest.h>
#include <runtime/policy_import.h>
#include <runtime/policy_make.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf manifest = BUF_INIT(POLICY_MANIFEST_MAX);
	AUTO(manifest_done) struct manifest m = { 0 };
	AUTO(strv_done) struct strv notes = { 0 };

	if (failed(policy_import(bytes_of(data, size), &manifest, &notes)))
		return 0;
	if (failed(manifest_parse(buf_bytes(&manifest), &m)))
		__builtin_trap();
	return 0;
}
