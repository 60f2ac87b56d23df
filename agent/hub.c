#include "hub.h"

#include <confidential_data_hub.pb-c.h>

#include <base/file.h>
#include <net/pb.h>
#include <net/transport.h>
#include <sys/inotify.h>

#define LOG_MODULE "agent"
#include <base/log.h>

enum {
	START_MAX_MS = 60 * 1000, /* until the hub listens */
	RETRY_MS = 5,		  /* between its bind() and its listen() */
	PULL_MAX_MS = 20 * 60 * 1000
};

struct pull {
	struct hub *hub;
	struct pull *next; /* waiting for the hub */
	char *image, *bundle;
	pull_fn *fn;
	void *arg;
};

struct hub {
	struct agent *agent;
	struct process process;
	struct ttrpc_client *client;
	struct pull *waiting;
	int inotify_fd;
	struct loop_source *appears, *retry, *deadline;
	struct err_saved failure; /* .code OK while it works */
};

static void pull_free(struct pull *p)
{
	free(p->image);
	free(p->bundle);
	free(p);
}

static void pull_end(struct pull *p, struct err e)
{
	pull_fn *fn = p->fn;
	void *arg = p->arg;

	pull_free(p);
	fn(arg, e);
}

static void stop_waiting(struct hub *h)
{
	loop_remove(TAKE(h->appears));
	loop_remove(TAKE(h->retry));
	loop_remove(TAKE(h->deadline));
	if (h->inotify_fd >= 0)
		(void)close(TAKE_FD(h->inotify_fd));
}

/* From now on every pull fails for this reason. */
static void hub_failed(struct hub *h, struct err e)
{
	struct pull *p;

	err_save(e, &h->failure);
	log_failure(LOG_MODULE, "failure", e);
	stop_waiting(h);
	while ((p = h->waiting) != NULL) {
		h->waiting = p->next;
		pull_end(p, err_restore(&h->failure));
	}
}

RESULT hub_health(const struct hub *h)
{
	return h->failure.code == ERR_OK ? OK : err_restore(&h->failure);
}

static void on_pulled(void *arg, struct err e, struct bytes payload)
{
	(void)payload;
	pull_end(arg, e);
}

static RESULT send_pull(struct hub *h, struct pull *p)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(TTRPC_MESSAGE_MAX);
	Cdh__ImagePullRequest msg = CDH__IMAGE_PULL_REQUEST__INIT;

	msg.image_url = p->image;
	msg.bundle_path = p->bundle;
	TRY(pb_pack(&msg.base, &payload));
	return ttrpc_start(h->client,
		&(struct ttrpc_request){
			.service = "api.ImagePullService",
			.method = "PullImage",
			.payload = buf_bytes(&payload),
			.timeout_ms = PULL_MAX_MS,
		},
		on_pulled, p);
}

static void send_waiting(struct hub *h)
{
	struct pull *p;

	while ((p = h->waiting) != NULL) {
		struct err e;

		h->waiting = p->next;
		if (failed(e = send_pull(h, p)))
			pull_end(p, e);
	}
}

static RESULT connect_now(struct hub *h)
{
	int fd = -1;

	TRY(transport_connect(h->agent->set.cdh_address, 0, &fd));
	return ttrpc_client_new(h->agent->loop, fd, &h->client);
}

static void try_connect(void *arg)
{
	struct hub *h = arg;

	if (h->client || failed(connect_now(h)))
		return;
	stop_waiting(h);
	log_info("hub-ready", "address=%s", h->agent->set.cdh_address);
	send_waiting(h);
}

static void on_appears(void *arg, int fd, unsigned events)
{
	struct hub *h = arg;
	char ignored[4096];

	(void)events;
	while (read(fd, ignored, sizeof(ignored)) > 0)
		;
	if (!h->retry)
		err_ignore(loop_add_timer(/* the deadline stays */
			h->agent->loop, 0, RETRY_MS, try_connect, h, &h->retry));
}

static void on_deadline(void *arg)
{
	hub_failed(arg,
		err_new(ERR_TIMEOUT, "the hub did not listen within %d s", START_MAX_MS / 1000));
}

/* The directory tells when the socket is made, so nobody polls for it. */
static RESULT watch_directory(struct hub *h)
{
	AUTO(auto_free) char *dir = NULL;
	const char *address = h->agent->set.cdh_address;
	char *slash;

	if (!str_starts(address, "unix:///"))
		return err_new(ERR_UNSUPPORTED, "hub address %s", address);
	TRY(str_dup(address + strlen("unix://"), &dir));
	slash = strrchr(dir, '/');
	*slash = '\0';
	TRY(dir_make(dir[0] ? dir : "/", 0755));
	h->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (h->inotify_fd < 0 ||
		inotify_add_watch(h->inotify_fd, dir[0] ? dir : "/", IN_CREATE | IN_MOVED_TO) < 0)
		return err_new(ERR_SYS, "watching %s", dir);
	TRY(loop_add_fd(h->agent->loop, h->inotify_fd, EPOLLIN, on_appears, h, &h->appears));
	return loop_add_timer(h->agent->loop, START_MAX_MS, 0, on_deadline, h, &h->deadline);
}

static void on_ended(void *arg, int status)
{
	struct hub *h = arg;

	/* Reaped already. */
	if (h->process.pidfd >= 0)
		(void)close(h->process.pidfd);
	h->process = PROCESS_NONE;
	hub_failed(h, err_new(ERR_PEER, "the hub has ended with status %d", status));
}

static RESULT start_program(struct hub *h, const struct hub_config *c)
{
	static const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	const char *argv[12] = { c->program, "--platform", c->platform };
	const char *const options[][2] = { { "--initdata", c->initdata },
		{ "--cdh-config", c->cdh_config }, { "--aa-config", c->aa_config } };
	struct process_spec spec = PROCESS_SPEC(argv);
	size_t n = 3;

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (!options[i][1])
			continue;
		argv[n++] = options[i][0];
		argv[n++] = options[i][1];
	}
	spec.envp = environment;
	spec.stdin_fd = spec.stdout_fd = -1;
	spec.stderr_fd = c->log_fd;
	spec.die_with_parent = true;
	spec.new_session = true;
	TRY(process_start(&spec, &h->process));
	return reaper_watch(h->agent->reaper, h->process.pid, on_ended, h);
}

RESULT hub_new(struct agent *a, const struct hub_config *c, struct hub **ret_hub)
{
	AUTO(hub_freep) struct hub *h = calloc(1, sizeof(*h));

	if (!h)
		return err_new(ERR_NOMEM, "hub");
	h->agent = a;
	h->process = PROCESS_NONE;
	h->inotify_fd = -1;
	TRY(watch_directory(h));
	if (c->program)
		TRY(start_program(h, c));
	try_connect(h);
	*ret_hub = TAKE(h);
	return OK;
}

void hub_freep(struct hub **hub)
{
	struct hub *h = *hub;
	struct pull *p;

	if (!h)
		return;
	reaper_forget(h->agent->reaper, h);
	stop_waiting(h);
	ttrpc_client_free(h->client);
	while ((p = h->waiting) != NULL) {
		h->waiting = p->next;
		pull_end(p, err_new(ERR_STATE, "the agent ends"));
	}
	process_end(&h->process);
	free(h);
}

RESULT hub_pull(struct agent *a, const char *image, const char *bundle, pull_fn *fn, void *arg)
{
	struct hub *h = a->hub;
	struct pull *p;
	struct err e;

	if (!h)
		return err_new(ERR_UNSUPPORTED,
			"image %s: no confidential data hub is here to pull it", image);
	TRY(hub_health(h));
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_new(ERR_NOMEM, "pull");
	*p = (struct pull){ .hub = h, .fn = fn, .arg = arg };
	e = str_dup(image, &p->image);
	if (!failed(e))
		e = str_dup(bundle, &p->bundle);
	if (!failed(e) && h->client)
		e = send_pull(h, p);
	if (failed(e)) {
		pull_free(p);
		return e;
	}
	if (!h->client) {
		p->next = h->waiting;
		h->waiting = p;
	}
	return OK;
}
