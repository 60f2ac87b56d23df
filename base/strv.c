#include <stdlib.h>

#include <base/json.h>

void strv_done(struct strv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strv){ 0 };
}

RESULT strv_add(struct strv *s, const char *item)
{
	/* Powers of two, so that the size need not be kept. */
	if ((s->n & (s->n - 1)) == 0) {
		char **v = reallocarray(s->v, s->n ? 2 * s->n : 1, sizeof(*v));
		if (!v)
			return err_new(ERR_NOMEM, "list of %zu strings", s->n);
		s->v = v;
	}
	TRY(str_dup(item, &s->v[s->n]));
	s->n++;
	return OK;
}
