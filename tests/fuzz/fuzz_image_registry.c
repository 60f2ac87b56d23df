/* What registries and their configuration say: challenges, credentials, mirrors, sigstores. */
#include "registry_auth.h"
#include "registry_config.h"
#include "sigstore_config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct img_reference r = { 0 };
	struct auth_challenge challenge = { 0 };
	struct registry_sources sources = { 0 };
	struct sigstore_config config = { 0 };
	char *text = NULL, *basic = NULL;
	const char *url;

	if (failed(img_reference_parse("r.example.com:5000/a/b:tag", &r)))
		abort();
	if (!failed(bytes_to_str(bytes_of(data, size), &text)))
		err_ignore(auth_challenge_parse(text, &challenge)); /* only crashes count */
	err_ignore(auth_file_lookup(bytes_of(data, size), &r, &basic));
	err_ignore(registry_sources_of(bytes_of(data, size), &r, &sources));
	if (!failed(sigstore_config_parse(bytes_of(data, size), &config)))
		err_ignore(sigstore_config_find(&config, &r, &url));
	auth_challenge_done(&challenge);
	registry_sources_done(&sources);
	sigstore_config_done(&config);
	img_reference_done(&r);
	free(text);
	free(basic);
	return 0;
}
