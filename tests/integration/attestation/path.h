/*
 * A platform's whole path without its hardware: machine and vendor are played by what the tests of
 * tee/ generate; driver, client and broker are the real ones.
 */
#pragma once

#include "broker_stack.h"

enum {
	PATH_REFUSALS = 8
};

struct path {
	struct tee_guest_config config; /* where the driver finds the machine */
	struct broker_roots roots;
	struct buf vendor_pem;		     /* behind roots.vendor */
	const struct collateral *collateral; /* what the vendor publishes; NULL: nothing */
	struct buf references; /* JSON object: what this guest measures to, but initdata */
	void *machine;	       /* the platform's own */
};

struct path_refusal {
	const char *what;
	void (*bend)(struct path *p); /* machine or vendor; NULL: neither */
	bool other_initdata;	      /* the guest sends one that its launch did not bind */
	const char *code, *field;     /* the client's denial */
};

struct path_platform {
	const char *platform;
	bool simulated, no_initdata;
	const char *algorithm;			  /* of initdata; NULL: sha256 */
	const char *unknown_code, *unknown_field; /* the denial without reference values */
	/* A good machine. `initdata`: digest for platforms that bind it before the guest runs. */
	void (*start)(struct path *p, const struct digest_value *initdata);
	void (*stop)(struct path *p);
	void (*repair)(struct path *p); /* undoes what was bent; may be NULL */
	struct path_refusal refused[PATH_REFUSALS];
};

/* One root more in p->vendor_pem and p->roots. */
void path_trust(struct path *p, const struct x509 *root);

extern const struct path_platform path_az_snp_vtpm, path_az_tdx_vtpm, path_sample, path_se,
	path_snp, path_tdx, path_vtpm;
