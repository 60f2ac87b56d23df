/* One rule of the release policy, shared by its parser and its evaluator. */
#pragma once

#include "policy.h"

enum {
	POLICY_RULES_MAX = 256,
	POLICY_LIST_MAX = 64
};

enum policy_match {
	MATCH_REFERENCE,
	MATCH_ANY,
	MATCH_LIST
};

struct policy_rule {
	struct strv resources, platforms;
	bool simulated, debug;
	char *executables;		  /* as written; NULL: "reference" */
	const struct json *initdata_json; /* borrowed while parsing */
	struct json_map claims;
	enum policy_match executables_match, initdata_match;
	struct strv initdata; /* MATCH_LIST */
};

struct policy {
	uint64_t version;
	struct json_list rules; /* struct policy_rule */
	struct json *tree;
};
