/*
 * Azure's instance metadata service: plain HTTP on a link-local address that only this guest's host
 * answers. Nothing of it is trusted: whoever verifies the evidence checks the signatures.
 */
#pragma once

#include <base/buf.h>

struct imds {
	const char *url;     /* NULL: "http://169.254.169.254" */
	unsigned timeout_ms; /* of one answer; 0: 10 s */
};
/*
 * Both: ERR_TIMEOUT, ERR_PEER (no connection, another status than 200; asked again before it is
 * given up when the service is busy or broken), ERR_FORMAT. The text names address and member.
 */
struct imds_ops {
	/* DER of the certificate of this machine's chip (VCEK). */
	RESULT (*vcek)(const struct imds *m, struct buf *ret_der);
	/* The quoting enclave's signature over what a TDREPORT says: a TD quote. */
	RESULT (*td_quote)(const struct imds *m, struct bytes tdreport, struct buf *ret_quote);
};
