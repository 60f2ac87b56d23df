/* state.json of sealpod-oci, which comes back as the same text; and what a shim prints. */
#include <state.h>

#include <base/file.h>

RESULT shim_address_parse(struct bytes text, char **ret_address);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(oci_state_done) struct oci_state s = { 0 }, again = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(8 * OCI_STATE_MAX);
	AUTO(auto_free) char *address = NULL;

	if (!failed(shim_address_parse(bytes_of(data, size), &address)) &&
		!str_starts(address, "unix://"))
		abort();
	if (failed(oci_state_parse(bytes_of(data, size), &s)))
		return 0;
	if (failed(oci_state_print(&s, &text)) || failed(oci_state_parse(buf_bytes(&text), &again)))
		abort();
	return 0;
}
