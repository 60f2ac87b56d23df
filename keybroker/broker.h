/* The broker's state, shared by its endpoints. One thread. */
#pragma once

#include "audit.h"
#include "broker_collateral.h"
#include "config.h"
#include "imports.h"
#include "policy.h"
#include "session.h"
#include "store.h"

#include <attestation/attestation.h>
#include <net/http_server.h>

enum {
	ADMIN_KEYS_MAX = 32,
	SIGNERS_MAX = 32
};

struct broker {
	struct kbs_config config;
	struct store *store;
	struct sessions *sessions;
	struct policy *policy;
	struct reference_values *added;	  /* by hand */
	struct imports *imports;	  /* signed manifests */
	struct reference_values *refs;	  /* both: what is accepted */
	int64_t refs_until;		  /* then an overlap of two manifests ends */
	struct key *signers[SIGNERS_MAX]; /* of manifests; none: whom the admin names */
	size_t n_signers;
	struct tee_anchors anchors;
	struct tee_policy tee_policy;
	struct buf se_header; /* what attestation.se_header holds; empty: none */
	struct broker_collateral collateral;
	struct key *ear_key;
	struct key *admin_keys[ADMIN_KEYS_MAX];
	size_t n_admin_keys;
	struct audit *audit;
	uint64_t answers[6]; /* by status class, for /metrics */
	uint64_t refusals;
};

/* Opens everything the configuration names. Takes the configuration over on success. */
RESULT broker_open(struct kbs_config *config, struct broker **ret_broker);
void broker_freep(struct broker **ref);
/* Reference values and policy as the store has them. */
RESULT broker_load_policy(struct broker *b);
RESULT broker_load_references(struct broker *b);
/* Brings `refs` up to date when an overlap has ended. */
RESULT broker_refresh_references(struct broker *b, int64_t now);
/* Stores the values added by hand, and puts them in force; takes them over on success. */
RESULT broker_put_added(struct broker *b, struct reference_values **added, int64_t now);
/* Stores the record of an image, or removes it when `record` is empty, and puts it in force. */
RESULT broker_put_manifest(struct broker *b, const char *name, struct bytes record, int64_t now);

/* The handler to give to the HTTP server, with the broker as argument. */
void api_handle(void *broker, struct http_exchange *x);
