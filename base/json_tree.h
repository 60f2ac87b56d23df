/* The tree behind struct json, built over a json-c tree. */
#pragma once

#include <base/json.h>

/* One value. The children of a value lie side by side; null is a value of its own and every child
 * is reached by its number, which json-c does not give. Strings belong to the json-c tree. */
struct json {
	enum json_type type;
	bool negative;
	size_t n;
	const char *name; /* of a member */
	union {
		bool truth;
		uint64_t u;
		int64_t i;
		double number;
		const char *text;
		struct json *children;
	};
};

/* 0 when it is no JSON_DOUBLE: such values pass through the tree, never into a field. */
double json_double(const struct json *j);
