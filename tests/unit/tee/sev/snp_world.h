/* A generated report with all that a verdict needs, for the tests of verdicts. */
#pragma once

#include "snp_gen.h"

struct world {
	struct snp_gen g;
	struct buf raw;
	struct tee_policy policy;
	struct tee_anchors anchors;
	struct tee_verify_input in;
	struct key *other;
};

void world_start(struct world *w, unsigned version, enum snp_product product, bool vlek);
/* After values were bent: certificates and the signed report again. */
void world_make(struct world *w);
void world_finish(struct world *w);
struct err verdict(const struct tee_verify_input *in);
/* The row of that name exists and has this verdict. */
void assert_row(const struct tee_verify_input *in, const char *what, enum check_verdict want);
