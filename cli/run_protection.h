/* The options of `sealpod run` that belong to hardware platforms. */
#pragma once

#include <runtime/vm.h>

struct run_protection {
	const char *policy, *id_block, *id_auth; /* the last two: files */
	const char *session, *dh_cert;
	const char *cpu_model, *quote_socket;
};
/* Reads the files and checks them. Strings stay borrowed. ERR_USAGE, ERR_FORMAT. */
RESULT run_protection_read(const struct run_protection *o, struct vm_protection *ret_protection);
