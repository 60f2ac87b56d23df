#include "metrics.h"

#include "metrics_parts.h"

#include <base/file.h>

bool metrics_host_is_v2(void)
{
	return file_exists("/sys/fs/cgroup/cgroup.controllers");
}

RESULT metrics_check_count(size_t n, const char *what)
{
	if (n > METRICS_ENTRIES_MAX)
		return err_new(ERR_LIMIT, "statistics of the guest: %zu entries of %s, at most %d",
			n, what, METRICS_ENTRIES_MAX);
	return OK;
}

RESULT metrics_list(size_t n, size_t size, const char *what, struct metrics_list *ret_list)
{
	struct metrics_list l = { 0 };

	TRY(metrics_check_count(n, what));
	if (n == 0) {
		*ret_list = l;
		return OK;
	}
	l.items = calloc(n, size);
	l.pointers = calloc(n, sizeof(void *));
	if (!l.items || !l.pointers) {
		metrics_list_done(&l);
		return err_new(ERR_NOMEM, "statistics");
	}
	for (size_t i = 0; i < n; i++)
		l.pointers[i] = (char *)l.items + i * size;
	*ret_list = l;
	return OK;
}

void metrics_list_done(struct metrics_list *l)
{
	free(l->items);
	free(l->pointers);
	*l = (struct metrics_list){ 0 };
}

static const uint64_t *find(const Agent__MemoryStats *m, const char *name)
{
	for (size_t i = 0; name && i < m->n_stats; i++) {
		if (str_equal(m->stats[i]->key, name))
			return &m->stats[i]->value;
	}
	return NULL;
}

void metrics_memory(const Agent__MemoryStats *m, const struct metrics_row *rows, size_t n, void *to)
{
	for (size_t i = 0; i < n; i++) {
		const uint64_t *v = find(m, rows[i].name);

		if (!v)
			v = find(m, rows[i].other);
		if (v)
			*(uint64_t *)(void *)((char *)to + rows[i].offset) = *v;
	}
}
