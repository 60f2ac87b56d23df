#include "reaper.h"

#include <signal.h>

#include <policy/agent_limits.h>
#include <sys/wait.h>

enum {
	WATCHED_MAX = AGENT_CONTAINERS_MAX * AGENT_PROCESSES_MAX + 64,
	/* A process that crun starts may end before crun has told us its number. */
	STRAYS = 64
};

struct watched {
	pid_t pid;
	reaper_fn *fn;
	void *arg;
	struct watched *next;
};

struct stray {
	pid_t pid;
	int status;
};

struct reaper {
	struct watched *watched;
	size_t n;
	struct stray strays[STRAYS]; /* ring: the last ones nobody watched */
	size_t next_stray;
};

static int exit_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static struct watched *take(struct reaper *r, pid_t pid)
{
	for (struct watched **at = &r->watched; *at; at = &(*at)->next) {
		struct watched *w = *at;

		if (w->pid != pid)
			continue;
		*at = w->next;
		r->n--;
		return w;
	}
	return NULL;
}

static void ended(struct reaper *r, pid_t pid, int status)
{
	AUTO(auto_free) struct watched *w = take(r, pid);

	if (w) {
		w->fn(w->arg, status);
		return;
	}
	r->strays[r->next_stray] = (struct stray){ .pid = pid, .status = status };
	r->next_stray = (r->next_stray + 1) % STRAYS;
}

void reaper_collect(struct reaper *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		ended(r, pid, exit_status(status));
}

static void on_sigchld(void *arg, int signo)
{
	(void)signo;
	reaper_collect(arg);
}

RESULT reaper_watch(struct reaper *r, pid_t pid, reaper_fn *fn, void *arg)
{
	struct watched *w;

	for (size_t i = 0; i < STRAYS; i++) {
		if (r->strays[i].pid != pid)
			continue;
		r->strays[i].pid = 0;
		fn(arg, r->strays[i].status);
		return OK;
	}
	if (r->n == WATCHED_MAX)
		return err_new(ERR_LIMIT, "more than %d processes", WATCHED_MAX);
	w = malloc(sizeof(*w));
	if (!w)
		return err_new(ERR_NOMEM, "process");
	*w = (struct watched){ .pid = pid, .fn = fn, .arg = arg, .next = r->watched };
	r->watched = w;
	r->n++;
	return OK;
}

void reaper_forget(struct reaper *r, const void *arg)
{
	struct watched **at = &r->watched;

	while (*at) {
		struct watched *w = *at;

		if (w->arg != arg) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		r->n--;
		free(w);
	}
}

RESULT reaper_new(struct loop *l, struct reaper **ret_reaper)
{
	AUTO(reaper_freep) struct reaper *r = calloc(1, sizeof(*r));

	if (!r)
		return err_new(ERR_NOMEM, "reaper");
	TRY(loop_add_signal(l, SIGCHLD, on_sigchld, r));
	*ret_reaper = TAKE(r);
	return OK;
}

void reaper_freep(struct reaper **r)
{
	if (!*r)
		return;
	while ((*r)->watched) {
		struct watched *w = (*r)->watched;

		(*r)->watched = w->next;
		free(w);
	}
	free(*r);
}
