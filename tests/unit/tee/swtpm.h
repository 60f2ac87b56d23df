/* A running swtpm with an EK certificate of a CA below test_dir(), for one test program. */
#pragma once

#include <base/process.h>
#include <crypto/x509.h>

struct swtpm {
	struct process process;
	unsigned port; /* of commands; the next one is for control */
	char tcti[64];
	struct x509_list ca; /* root and issuer of the EK certificate */
};
/* `ca_name`: TPMs started with the same name share a CA. Skips the test without swtpm. */
void swtpm_start(struct swtpm *t, const char *name, const char *ca_name);
void swtpm_stop(struct swtpm *t);
/* Two ports in a row that nobody listens on; the first is even. */
unsigned swtpm_free_ports(void);
