#include "runtime/cpu_list.h"

bool cpu_list_has(const struct cpu_list *l, size_t cpu)
{
	return cpu < CPU_LIST_MAX && (l->bits[cpu / 64] >> (cpu % 64) & 1) != 0;
}

size_t cpu_list_count(const struct cpu_list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(l->bits); i++)
		n += (size_t)__builtin_popcountll(l->bits[i]);
	return n;
}

void cpu_list_add(struct cpu_list *to, const struct cpu_list *more)
{
	for (size_t i = 0; i < ARRAY_LEN(to->bits); i++)
		to->bits[i] |= more->bits[i];
}

static RESULT parse_number(const char **at, const char *what, size_t *ret)
{
	size_t v = 0;

	if (**at < '0' || **at > '9')
		return err_new(ERR_FORMAT, "%s: \"%.40s\" is no number", what, *at);
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		v = v * 10 + (size_t)(**at - '0');
		if (v >= CPU_LIST_MAX)
			return err_new(ERR_LIMIT, "%s: number above %d", what, CPU_LIST_MAX - 1);
	}
	*ret = v;
	return OK;
}

static RESULT parse_range(const char **at, const char *what, struct cpu_list *l)
{
	size_t first = 0, last = 0;

	TRY(parse_number(at, what, &first));
	last = first;
	if (**at == '-') {
		(*at)++;
		TRY(parse_number(at, what, &last));
	}
	if (last < first)
		return err_new(ERR_FORMAT, "%s: %zu-%zu ends before it begins", what, first, last);
	for (size_t i = first; i <= last; i++)
		l->bits[i / 64] |= 1ull << (i % 64);
	return OK;
}

RESULT cpu_list_parse(const char *text, const char *what, struct cpu_list *ret_list)
{
	struct cpu_list l = { 0 };

	while (*text) {
		TRY(parse_range(&text, what, &l));
		if (*text == ',' && text[1])
			text++;
		else if (*text)
			return err_new(ERR_FORMAT, "%s: \"%.40s\" after a number", what, text);
	}
	*ret_list = l;
	return OK;
}

void cpu_list_print(const struct cpu_list *l, struct buf *out)
{
	const char *comma = "";

	for (size_t i = 0; i < CPU_LIST_MAX; i++) {
		size_t first = i;

		if (!cpu_list_has(l, i))
			continue;
		while (cpu_list_has(l, i + 1))
			i++;
		buf_printf(out, i > first ? "%s%zu-%zu" : "%s%zu", comma, first, i);
		comma = ",";
	}
}
