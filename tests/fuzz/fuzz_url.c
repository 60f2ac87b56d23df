#include <net/url.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(auto_free) char *text = NULL;
	AUTO(url_done) struct url url = { 0 };
	AUTO(kbs_uri_done) struct kbs_uri uri = { 0 };

	if (failed(bytes_to_str(bytes_of(data, size), &text)))
		return 0;
	if (!failed(url_parse(text, &url)) && (url.path[0] != '/' || url.port == 0))
		abort();
	if (!failed(kbs_uri_parse(text, &uri)) && strcmp(uri.plugin, "resource") == 0 &&
		failed(kbs_resource_path_check(uri.path)))
		abort();
	return 0;
}
