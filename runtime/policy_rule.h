/*
 * A value of the pod manifest in the making: literal, or a pattern as soon as a part of it is one.
 * Kubernetes' $(NAME) are written out on the way.
 */
#pragma once

#include <base/json.h>

enum {
	POLICY_RULE_MAX = 128 * 1024
};

struct policy_rule {
	bool pattern;
	struct buf text;  /* what it is when nothing is a pattern */
	struct buf regex; /* the same as an extended regular expression */
};
#define POLICY_RULE_INIT                                                                           \
	((struct policy_rule){                                                                     \
		.text = BUF_INIT(POLICY_RULE_MAX), .regex = BUF_INIT(2 * POLICY_RULE_MAX) })

void policy_rule_done(struct policy_rule *r);
void policy_rule_literal(struct policy_rule *r, struct bytes text);
/* An extended regular expression. */
void policy_rule_pattern(struct policy_rule *r, const char *regex);
/* Another rule as it is written in a manifest. */
void policy_rule_rule(struct policy_rule *r, const char *rule);
/* As it is written in a manifest: a literal, or "~" and the expression. The caller frees. */
RESULT policy_rule_end(struct policy_rule *r, char **ret_rule);

/* The rule of a literal, which may begin with "~". The caller frees. */
RESULT policy_rule_of(const char *literal, char **ret_rule);

/* Variables by name, with their rules. */
RESULT policy_vars_set(struct json_map *vars, const char *name, const char *rule);
void policy_vars_done(struct json_map *vars);

/* What a name stands for beside `vars`; NULL: nothing, so that it stays as it is. */
typedef const char *policy_other_fn(const char *name);
/* The rule of a text with $(NAME) and $$ in it (Kubernetes, third_party/forked/golang/expansion).
 */
RESULT policy_expand(
	const char *text, const struct json_map *vars, policy_other_fn *other, char **ret_rule);
