#include "oci.h"

#include <ctype.h>
#include <signal.h>
#include <strings.h>

static RESULT realtime(const char *name, int *ret_signo)
{
	bool min = strncasecmp(name, "RTMIN", 5) == 0;
	uint64_t offset = 0;

	if (name[5] != '\0') {
		if (name[5] != (min ? '+' : '-'))
			return err_new(ERR_USAGE, "no signal is called '%.40s'", name);
		TRY(str_to_u64(name + 6, (uint64_t)(SIGRTMAX - SIGRTMIN), "signal", &offset));
	}
	*ret_signo = min ? SIGRTMIN + (int)offset : SIGRTMAX - (int)offset;
	return OK;
}

RESULT oci_signal_parse(const char *text, int *ret_signo)
{
	const char *name = text;
	uint64_t number = 0;

	if (isdigit((unsigned char)text[0])) {
		if (failed(str_to_u64(text, (uint64_t)SIGRTMAX, "signal", &number)))
			return err_new(ERR_USAGE, "signal '%.40s': 0 to %d", text, SIGRTMAX);
		*ret_signo = (int)number;
		return OK;
	}
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	if (strncasecmp(name, "RTMIN", 5) == 0 || strncasecmp(name, "RTMAX", 5) == 0)
		return realtime(name, ret_signo);
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *known = sigabbrev_np(i);

		if (known && strcasecmp(known, name) == 0) {
			*ret_signo = i;
			return OK;
		}
	}
	return err_new(ERR_USAGE, "no signal is called '%.40s'", text);
}
