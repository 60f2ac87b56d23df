/* The hub's state: the open TEE driver, the broker session, and what its services share. */
#pragma once

#include "config.h"

#include <keybroker-client/kbs_client.h>
#include <net/pb.h>
#include <net/ttrpc.h>

enum {
	HUB_ANSWER_MAX = 2 * 1024 * 1024
};

struct pull;
struct hub_mount; /* secure_mount.c */

struct hub {
	struct loop *loop;
	struct hub_config config;
	const struct tee *tee; /* NULL: no platform found, evidence is refused */
	struct tee_guest *guest;
	struct kbs_client *kbs; /* NULL until first used */
	struct buf initdata;
	struct pull *pulls;	  /* running ones */
	struct hub_mount *mounts; /* volumes being opened */
	unsigned n_mounts;	  /* so far, for the names of their mappings */
};

struct hub_options {
	const char *platform;			       /* NULL: detected; "none" has no TEE */
	const char *initdata, *cdh_config, *aa_config; /* files; may be NULL */
};

RESULT hub_open(struct loop *l, const struct hub_options *o, struct hub **ret_hub);
void hub_freep(struct hub **ref);

/* A resource of the broker, over the one session. */
RESULT hub_resource(struct hub *h, const char *uri, struct secret **ret_resource);
/* {"token":..., "tee_keypair":...}: guest-components' answer to GetToken("kbs"). */
RESULT hub_token(struct hub *h, struct buf *ret_json);
/* Evidence over caller's data (at most 64 bytes), JSON. */
RESULT hub_evidence(struct hub *h, struct bytes report_data, struct buf *ret_json);
const char *hub_tee_name(const struct hub *h); /* "tpm"; "sample" without a TEE */

/* Answers the call with the message, and leaves nothing of it in memory. */
void hub_answer(struct ttrpc_call *call, const ProtobufCMessage *message);

/* Opens an ocicrypt annotation packet: key-encryption key from the broker, AES-256-GCM or CTR. */
RESULT hub_unwrap(struct hub *h, struct bytes packet, struct secret **ret_options);

/* What a sealed secret stands for; its signature is always checked. */
RESULT hub_unseal(struct hub *h, struct bytes text, struct secret **ret_plain);

/* Starts a pull in a process of its own; answers the call when it ends. */
RESULT hub_pull(struct hub *h, const char *image, const char *bundle, struct ttrpc_call *call);
void hub_pulls_end(struct hub *h);

/* Opens or makes the volume of a SecureMount request; answers the call when it is mounted. */
RESULT hub_secure_mount(struct hub *h, struct bytes payload, struct ttrpc_call *call);
void hub_mounts_end(struct hub *h);

/* The services, as ttrpc method tables with the hub as argument. */
extern const struct ttrpc_method cdh_methods[];
extern const size_t cdh_methods_n;
extern const struct ttrpc_method aa_methods[];
extern const size_t aa_methods_n;

/* REST on 127.0.0.1:8006 (api-server-rest). */
struct http_server;
RESULT rest_open(struct hub *h, struct http_server **ret_server);
