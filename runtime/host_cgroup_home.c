#include "host_cgroup_parts.h"

#include <base/file.h>

enum {
	SELF_MAX = 64 * 1024
};

/* The last part of where it is mounted is a list of controllers, or what the name is. */
static bool belongs(const struct hierarchy *h, const char *controllers)
{
	const char *slash = strrchr(h->dir, '/');
	const char *mount = slash ? slash + 1 : h->dir;

	if (h->v2)
		return controllers[0] == '\0';
	if (str_starts(controllers, "name="))
		controllers += strlen("name=");
	return str_equal(mount, controllers);
}

static RESULT remember_line(struct host_cgroup *g, char *line)
{
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!path)
		return OK;
	controllers++;
	*path++ = '\0';
	for (size_t i = 0; i < g->n; i++)
		if (!g->hierarchies[i].home && belongs(&g->hierarchies[i], controllers))
			TRY(str_dup(path + strspn(path, "/"), &g->hierarchies[i].home));
	return OK;
}

/* proc(5): "hierarchy:controllers:path" */
void cgroup_remember(struct host_cgroup *g)
{
	AUTO(buf_done) struct buf text = BUF_INIT(SELF_MAX);
	char *rest = NULL, *all;

	if (failed(file_read("/proc/self/cgroup", &text)) || !buf_cstr(&text))
		return;
	all = (char *)text.p;
	for (char *line = strtok_r(all, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		err_ignore(remember_line(g, line)); /* the root is home then */
}

void cgroup_leave(struct host_cgroup *g)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%d", (int)getpid());
	for (size_t i = 0; i < g->n; i++) {
		const struct hierarchy *h = &g->hierarchies[i];

		if (h->home && !failed(cgroup_write(h->dir, h->home, "cgroup.procs", number)))
			continue;
		/* What cannot leave stays, and so does the group. */
		err_ignore(cgroup_write(h->dir, "", "cgroup.procs", number));
	}
}
