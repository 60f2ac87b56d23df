/* OpenSSL's queue of errors must be empty after whatever a test did: the next caller would take a
 * left-over for its own. */
#pragma once

#include "ossl.h"
#include "util.h"

static int queue_is_empty(void **state)
{
	(void)state;
	unsigned long error = ERR_peek_error();

	if (error)
		print_error("left in OpenSSL's queue: %s\n", ERR_reason_error_string(error));
	return error ? -1 : 0;
}
