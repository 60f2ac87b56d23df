#include "policy.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(policy_freep) struct policy *p = NULL;

	err_ignore(policy_parse(bytes_of(data, size), &p)); /* any verdict, no crash */
	return 0;
}
