/*
 * What the broker keeps: resources, policy, reference values. SQLite in WAL mode with full
 * synchronisation, so an answered write survives a crash. Every value is AES-256-GCM under the key
 * file; kind and name are its additional data, so rows cannot be exchanged.
 */
#pragma once

#include <base/json.h>
#include <base/secret.h>

struct store;

#define STORE_RESOURCE	"resource"
#define STORE_POLICY	"policy"
#define STORE_REFERENCE "reference"
#define STORE_MANIFEST	"manifest"

enum {
	STORE_VALUE_MAX = SECRET_MAX,
	STORE_KEY_SIZE = 32
};

/* `key`: STORE_KEY_SIZE bytes, copied. A database of another key is ERR_UNVERIFIED. */
RESULT store_open(const char *path, struct bytes key, struct store **ret_store);
void store_free(struct store *s);
void store_freep(struct store **s);

/* Inserts or replaces; durable when it returns. */
RESULT store_put(struct store *s, const char *kind, const char *name, struct bytes value);
RESULT store_get(struct store *s, const char *kind, const char *name, struct secret **ret_value);
RESULT store_delete(struct store *s, const char *kind, const char *name); /* ERR_NOT_FOUND */
/* Names in order. */
RESULT store_list(struct store *s, const char *kind, struct strv *ret_names);
