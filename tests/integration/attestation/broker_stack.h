/* A real broker over HTTPS with a collateral store, its administrator, and a guest's client. */
#pragma once

#include <base/process.h>
#include <keybroker-client/kbs_client.h>
#include <tee/collateral.h>

enum {
	STACK_PATH = 512,
	STACK_DIR = 256
};

struct broker {
	struct process process;
	char dir[STACK_DIR], store[STACK_DIR], url[64];
	struct buf ca;
};

struct broker_roots {
	const char *software;	/* PEM file of a simulated platform's root; NULL: none */
	struct bytes vendor;	/* PEM, in place of the roots built in; n = 0: none */
	struct bytes se_header; /* of the Secure Execution image; n = 0: none */
};

/* Initialised below test_dir()/name with an empty store, then started. */
void broker_start(struct broker *b, const char *name, const struct broker_roots *roots);
void broker_stop(struct broker *b);

/* sealpod kbs ARGS... against it. */
void broker_admin(const struct broker *b, const char *const *args);
#define BROKER_ADMIN(b, ...) broker_admin((b), (const char *const[]){ __VA_ARGS__, NULL })
void broker_set_resource(const struct broker *b, const char *path, const char *value);
void broker_set_policy(const struct broker *b, const char *toml);
/* {"id":["value"],...}: added to what is there; measurements come in a signed manifest. */
void broker_add_references(const struct broker *b, const char *json);
/* The store holds the same number of items in every call: each replaces its predecessor. */
void broker_set_collateral(const struct broker *b, const struct collateral *c);
