#include "hub.h"

#include "boot.h"

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
	PULL_MAX_MS = 20 * 60 * 1000,
	UNSEAL_MAX_MS = 50 * 1000, /* Kata's agent.cdh_api_timeout */
	VOLUME_MAX_MS = 10 * 60 * 1000,
	VOLUME_OPTIONS_MAX = 8
};

/* A call of one of the hub's services. */
struct ask {
	struct ask *next; /* waiting for the hub */
	struct hub *hub;
	const char *service, *method;
	struct buf payload;
	uint64_t timeout_ms;
	ttrpc_reply_fn *answer; /* with `arg`, once */
	void *arg;
};

struct hub {
	struct agent *agent;
	struct hub_config config;
	bool started;
	struct process process;
	struct ttrpc_client *client;
	struct ask *waiting;
	int inotify_fd;
	struct loop_source *appears, *retry, *deadline;
	struct err_saved failure; /* .code OK while it works */
};

static void ask_free(struct ask *q)
{
	buf_done(&q->payload);
	free(q);
}

static void ask_end(struct ask *q, struct err e, struct bytes payload)
{
	ttrpc_reply_fn *answer = q->answer;
	void *arg = q->arg;

	ask_free(q);
	answer(arg, e, payload);
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
	struct ask *p;

	err_save(e, &h->failure);
	log_failure(LOG_MODULE, "failure", e);
	stop_waiting(h);
	while ((p = h->waiting) != NULL) {
		h->waiting = p->next;
		ask_end(p, err_restore(&h->failure), BYTES_NONE);
	}
}

RESULT hub_health(const struct hub *h)
{
	return h->failure.code == ERR_OK ? OK : err_restore(&h->failure);
}

static void on_answer(void *arg, struct err e, struct bytes payload)
{
	ask_end(arg, e, payload);
}

static RESULT send_ask(struct hub *h, struct ask *q)
{
	return ttrpc_start(h->client,
		&(struct ttrpc_request){
			.service = q->service,
			.method = q->method,
			.payload = buf_bytes(&q->payload),
			.timeout_ms = q->timeout_ms,
		},
		on_answer, q);
}

static void send_waiting(struct hub *h)
{
	struct ask *p;

	while ((p = h->waiting) != NULL) {
		struct err e;

		h->waiting = p->next;
		if (failed(e = send_ask(h, p)))
			ask_end(p, e, BYTES_NONE);
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

static RESULT start_program(struct hub *h)
{
	const struct hub_config *c = &h->config;
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

static RESULT start(struct hub *h)
{
	if (h->started)
		return OK;
	/* The mounter of an image has no right to load it. */
	TRY(boot_overlay(h->agent));
	TRY(watch_directory(h));
	if (h->config.program)
		TRY(start_program(h));
	try_connect(h);
	h->started = true;
	return OK;
}

RESULT hub_new(struct agent *a, const struct hub_config *c, struct hub **ret_hub)
{
	AUTO(hub_freep) struct hub *h = calloc(1, sizeof(*h));

	if (!h)
		return err_new(ERR_NOMEM, "hub");
	h->agent = a;
	h->config = *c;
	h->process = PROCESS_NONE;
	h->inotify_fd = -1;
	if (!c->on_demand)
		TRY(start(h));
	*ret_hub = TAKE(h);
	return OK;
}

void hub_freep(struct hub **hub)
{
	struct hub *h = *hub;
	struct ask *p;

	if (!h)
		return;
	reaper_forget(h->agent->reaper, h);
	stop_waiting(h);
	ttrpc_client_free(h->client);
	while ((p = h->waiting) != NULL) {
		h->waiting = p->next;
		ask_end(p, err_new(ERR_STATE, "the agent ends"), BYTES_NONE);
	}
	process_end(&h->process);
	free(h);
}

/* The call is sent, or waits for the hub to listen; `q` is a template without payload. */
static RESULT ask(struct hub *h, const struct ask *q, const ProtobufCMessage *msg)
{
	struct ask *p;
	struct err e;

	if (!h)
		return err_new(ERR_UNSUPPORTED, "no confidential data hub is here to ask");
	TRY(hub_health(h));
	e = start(h);
	if (failed(e)) {
		e = err_add(e, "starting the hub");
		stop_waiting(h);
		return e;
	}
	p = malloc(sizeof(*p));
	if (!p)
		return err_new(ERR_NOMEM, "call of the hub");
	*p = *q;
	p->hub = h;
	p->payload = BUF_INIT(TTRPC_MESSAGE_MAX);
	e = pb_pack(msg, &p->payload);
	if (!failed(e) && h->client)
		e = send_ask(h, p);
	if (failed(e)) {
		ask_free(p);
		return e;
	}
	if (!h->client) {
		p->next = h->waiting;
		h->waiting = p;
	}
	return OK;
}

struct pull {
	pull_fn *fn;
	void *arg;
};

static void on_pulled(void *arg, struct err e, struct bytes payload)
{
	AUTO(auto_free) struct pull *p = arg;

	(void)payload;
	p->fn(p->arg, e);
}

RESULT hub_pull(struct agent *a, const char *image, const char *bundle, pull_fn *fn, void *arg)
{
	Cdh__ImagePullRequest msg = CDH__IMAGE_PULL_REQUEST__INIT;
	struct ask q = { .service = "api.ImagePullService",
		.method = "PullImage",
		.timeout_ms = PULL_MAX_MS,
		.answer = on_pulled };
	AUTO(auto_free) struct pull *p = malloc(sizeof(*p));

	if (!a->hub)
		return err_new(ERR_UNSUPPORTED,
			"image %s: no confidential data hub is here to pull it", image);
	if (!p)
		return err_new(ERR_NOMEM, "pull");
	*p = (struct pull){ fn, arg };
	q.arg = p;
	msg.image_url = (char *)(uintptr_t)image;
	msg.bundle_path = (char *)(uintptr_t)bundle;
	TRY(ask(a->hub, &q, &msg.base));
	p = NULL;
	return OK;
}

/* guest-components 3.6; `format` is ours: docs/protocols/guest.md. */
static size_t volume_options(const struct hub_volume *v, Cdh__SecureMountRequest__OptionsEntry *to)
{
	const char *const pairs[VOLUME_OPTIONS_MAX][2] = {
		{ "devicePath", v->device },
		{ "sourceType", "encrypted" },
		{ "targetType", "fileSystem" },
		{ "encryptionType", "luks2" },
		{ "key", v->key },
		{ "mapperName", v->mapping },
		{ "dataIntegrity", v->authentic ? "true" : "false" },
		{ "format", v->create ? "ifEmpty" : NULL },
	};
	size_t n = 0;

	for (size_t i = 0; i < VOLUME_OPTIONS_MAX; i++) {
		if (!pairs[i][1])
			continue;
		cdh__secure_mount_request__options_entry__init(&to[n]);
		to[n].key = (char *)(uintptr_t)pairs[i][0];
		to[n].value = (char *)(uintptr_t)pairs[i][1];
		n++;
	}
	return n;
}

RESULT hub_secure_mount(struct agent *a, const struct hub_volume *v, pull_fn *fn, void *arg)
{
	Cdh__SecureMountRequest__OptionsEntry options[VOLUME_OPTIONS_MAX];
	Cdh__SecureMountRequest__OptionsEntry *list[VOLUME_OPTIONS_MAX];
	Cdh__SecureMountRequest msg = CDH__SECURE_MOUNT_REQUEST__INIT;
	struct ask q = { .service = "api.SecureMountService",
		.method = "SecureMount",
		.timeout_ms = VOLUME_MAX_MS,
		.answer = on_pulled };
	AUTO(auto_free) struct pull *p = malloc(sizeof(*p));

	if (!p)
		return err_new(ERR_NOMEM, "volume");
	*p = (struct pull){ fn, arg };
	q.arg = p;
	msg.volume_type = (char *)(uintptr_t) "block-device";
	msg.mount_point = (char *)(uintptr_t)v->mount_point;
	msg.n_options = volume_options(v, options);
	for (size_t i = 0; i < msg.n_options; i++)
		list[i] = &options[i];
	msg.options = list;
	TRY(ask(a->hub, &q, &msg.base));
	p = NULL;
	return OK;
}

struct unsealing {
	unseal_fn *fn;
	void *arg;
};

static void on_unsealed(void *arg, struct err e, struct bytes payload)
{
	AUTO(auto_free) struct unsealing *u = arg;
	AUTO(pb_free_any) Cdh__UnsealSecretOutput *out = NULL;

	if (!failed(e))
		e = PB_UNPACK(cdh__unseal_secret_output, payload, &out);
	u->fn(u->arg, e,
		failed(e) ? BYTES_NONE : bytes_of(out->plaintext.data, out->plaintext.len));
	if (out)
		bytes_wipe(out->plaintext.data, out->plaintext.len);
}

RESULT hub_unseal(struct agent *a, struct bytes reference, unseal_fn *fn, void *arg)
{
	Cdh__UnsealSecretInput msg = CDH__UNSEAL_SECRET_INPUT__INIT;
	struct ask q = { .service = "api.SealedSecretService",
		.method = "UnsealSecret",
		.timeout_ms = UNSEAL_MAX_MS,
		.answer = on_unsealed };
	AUTO(auto_free) struct unsealing *u = malloc(sizeof(*u));

	if (!u)
		return err_new(ERR_NOMEM, "sealed secret");
	*u = (struct unsealing){ fn, arg };
	q.arg = u;
	msg.secret.data = (uint8_t *)(uintptr_t)reference.p;
	msg.secret.len = reference.n;
	TRY(ask(a->hub, &q, &msg.base));
	u = NULL;
	return OK;
}
