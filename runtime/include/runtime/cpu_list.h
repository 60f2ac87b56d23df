/* Sets of processors or memory nodes as the kernel writes them: "0-3,8". (cpuset(7), List format)
 */
#pragma once

#include <base/buf.h>

enum {
	CPU_LIST_MAX = 1024 /* numbers below this */
};

struct cpu_list {
	uint64_t bits[CPU_LIST_MAX / 64];
};

/* "" is the empty set. ERR_FORMAT, ERR_LIMIT name `what`. */
RESULT cpu_list_parse(const char *text, const char *what, struct cpu_list *ret_list);
/* Its canonical form. */
void cpu_list_print(const struct cpu_list *l, struct buf *out);
void cpu_list_add(struct cpu_list *to, const struct cpu_list *more);
bool cpu_list_has(const struct cpu_list *l, size_t cpu);
size_t cpu_list_count(const struct cpu_list *l);
