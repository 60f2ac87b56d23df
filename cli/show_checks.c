#include "show_checks.h"

void show_checks(const struct host_checks *c, bool colour, struct buf *out)
{
	static const char *const colours[] = {
		[HOST_OK] = "\033[32m",
		[HOST_WARN] = "\033[33m",
		[HOST_BAD] = "\033[31m",
		[HOST_SKIPPED] = "\033[2m",
	};

	for (size_t i = 0; i < c->n; i++) {
		const struct host_check *row = &c->v[i];

		buf_printf(out, "  %s%-8s%s  %-17s %s\n", colour ? colours[row->status] : "",
			host_status_name(row->status), colour ? "\033[0m" : "", row->what,
			row->found);
		if (row->fix[0])
			buf_printf(out, "  %8s  %17s -> %s\n", "", "", row->fix);
	}
}

void show_checks_json(struct json_writer *w, const char *name, const struct host_checks *c)
{
	jw_key(w, name);
	jw_array(w);
	for (size_t i = 0; i < c->n; i++) {
		const struct host_check *row = &c->v[i];

		jw_object(w);
		jw_kstr(w, "check", row->what);
		jw_kstr(w, "status", host_status_name(row->status));
		jw_kstr(w, "found", row->found);
		if (row->fix[0])
			jw_kstr(w, "fix", row->fix);
		jw_object_end(w);
	}
	jw_array_end(w);
}
