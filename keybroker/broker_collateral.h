/* Collateral of the configured store, in memory; read again when the store's index changed. */
#pragma once

#include <sys/stat.h>
#include <tee/collateral.h>

struct broker_collateral {
	const char *path; /* borrowed; NULL: no store */
	struct collateral *loaded;
	struct stat index; /* of what is loaded */
	uint64_t damaged;  /* objects left out */
};

/* An absent or unreadable store is an error here, as the operator named it. */
RESULT broker_collateral_open(const char *path, struct broker_collateral *ret);
/* Borrowed until the next call; NULL without a store. A store that cannot be read right now leaves
 * what was loaded before: dates and signatures are checked at use anyway. */
const struct collateral *broker_collateral_now(struct broker_collateral *c);
void broker_collateral_done(struct broker_collateral *c);
