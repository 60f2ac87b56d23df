/* Signature policies, and choosing a scope. */
#include <image-rs/policy.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct img_reference r = { 0 };
	struct img_policy *p = NULL;
	struct img_rules rules;

	if (!failed(img_policy_parse(bytes_of(data, size), &p)) &&
		!failed(img_reference_parse("r.example.com/a/b:tag", &r)))
		err_ignore(img_policy_select(p, &r, &rules)); /* only crashes count */
	img_reference_done(&r);
	img_policy_freep(&p);
	return 0;
}
