/*
 * What surrounds a confidential guest of Azure: a paravisor, played by a process between the guest
 * and a real swtpm that makes a new HCL report whenever the guest has written its user data, and a
 * metadata service that can be told to misbehave. Reports and certificates are those of azure_gen.
 */
#pragma once

#include "azure_gen.h"
#include "swtpm.h"

#include <sys/types.h>

enum imds_manner {
	IMDS_GOOD,
	IMDS_OTHER_ALPHABET, /* reads and writes standard base64 alone */
	IMDS_BUSY,	     /* 503 twice, then good */
	IMDS_BROKEN,	     /* 500 */
	IMDS_GONE,	     /* 404 */
	IMDS_SILENT,	     /* no answer */
	IMDS_TEXT,	     /* 200 with a page of text */
	IMDS_NO_MEMBER,	     /* {} */
	IMDS_GARBAGE,	     /* members that are no certificate and no base64 */
};

struct fake_azure {
	struct swtpm tpm;
	char tcti[64], imds[64]; /* what a guest is given */
	struct fake_azure_shared {
		enum imds_manner manner;
		unsigned hits;	 /* requests to the service */
		bool asleep;	 /* the paravisor makes no new reports */
		unsigned writes; /* of user data */
	} * shared;
	pid_t children[3];
};

/* Takes the AK of the TPM into `g`, which may be bent before. Skips the test without swtpm. */
void fake_azure_start(struct fake_azure *f, const char *name, struct azure_gen *g);
/* Paravisor and service with what `g` says now; the addresses are others. */
void fake_azure_restart(struct fake_azure *f, struct azure_gen *g);
void fake_azure_stop(struct fake_azure *f);

/* ---- parts ---- */
#define FAKE_HCL_REPORT_NV 0x01400001u
/* g->hcl, as large as its index. */
void fake_paravisor_report(struct azure_gen *g);
#define FAKE_AK_HANDLE 0x81000003u
/* A persistent RSA key for attestation, in place of the one there; its public part. */
struct key *fake_paravisor_make_ak(const char *tcti, uint32_t handle);
/* Two processes: commands on `port`, control on the one after it. */
void fake_paravisor_start(struct fake_azure *f, struct azure_gen *g, unsigned port);
/* One process; fills f->imds. */
void fake_imds_start(struct fake_azure *f, struct azure_gen *g);
