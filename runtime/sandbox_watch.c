/* Directories that kubelet changes while the pod runs (ConfigMap, Secret, projected, downward API):
 * seen by inotify, copied anew when it has been quiet for a moment. */
#include "sandbox_container.h"

#include <sys/inotify.h>

enum {
	QUIET_MS = 500,
	EVENTS_SIZE = 4096
};

struct sandbox_watch {
	struct sandbox_watch *next;
	struct sandbox *s; /* NULL: not begun */
	char *host, *guest;
	int fd;
	struct loop_source *source, *timer;
	struct sandbox_copy *copy; /* under way */
	bool again;		   /* something changed meanwhile */
};

static void watch_free(struct sandbox_watch *w)
{
	loop_remove(w->source);
	loop_remove(w->timer);
	sandbox_copy_freep(&w->copy);
	auto_close(&w->fd);
	free(w->host);
	free(w->guest);
	free(w);
}

void sandbox_watches_free(struct sandbox_box *b)
{
	while (b->watches) {
		struct sandbox_watch *w = b->watches;

		b->watches = w->next;
		watch_free(w);
	}
}

/* From before the first copy on, so that no change is missed. */
RESULT sandbox_watch_add(struct sandbox_box *b, const char *host, const char *guest)
{
	struct sandbox_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_new(ERR_NOMEM, "watching %s", host);
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	w->next = b->watches;
	b->watches = w;
	if (w->fd < 0 || inotify_add_watch(w->fd, host,
				 IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
					 IN_CLOSE_WRITE | IN_ATTRIB | IN_ONLYDIR) < 0)
		return err_new(ERR_SYS, "watching %s", host);
	TRY(str_dup(host, &w->host));
	return str_dup(guest, &w->guest);
}

static void on_copied(void *arg, struct err e);

/* What cannot be copied stays as it was; the next change tries again. */
static void copy_again(struct sandbox_watch *w)
{
	w->again = false;
	w->copy = sandbox_copy_new();
	if (!w->copy)
		return;
	if (failed(sandbox_copy_add(w->copy, w->host, w->guest)) ||
		failed(sandbox_copy_run(w->copy, w->s, on_copied, w)))
		sandbox_copy_freep(&w->copy);
}

static void on_quiet(void *arg)
{
	struct sandbox_watch *w = arg;

	loop_remove(w->timer);
	w->timer = NULL;
	if (w->copy)
		w->again = true;
	else
		copy_again(w);
}

static void wait_quiet(struct sandbox_watch *w)
{
	loop_remove(w->timer);
	w->timer = NULL;
	/* Without a timer: the next change is another chance. */
	err_ignore(loop_add_timer(w->s->c.loop, QUIET_MS, 0, on_quiet, w, &w->timer));
}

static void on_copied(void *arg, struct err e)
{
	struct sandbox_watch *w = arg;

	sandbox_copy_freep(&w->copy);
	/* A file that was replaced while it was read. */
	if (w->again || e.code == ERR_STATE || e.code == ERR_SYS)
		wait_quiet(w);
}

static void on_change(void *arg, int fd, unsigned events)
{
	struct sandbox_watch *w = arg;
	uint8_t drop[EVENTS_SIZE];

	(void)events;
	while (read(fd, drop, sizeof(drop)) > 0)
		;
	wait_quiet(w);
}

void sandbox_watch_begin(struct create *k)
{
	for (struct sandbox_watch *w = k->box->watches; w; w = w->next) {
		w->s = k->s;
		/* Then it stays as it was copied first. */
		err_ignore(loop_add_fd(k->s->c.loop, w->fd, EPOLLIN, on_change, w, &w->source));
	}
}
