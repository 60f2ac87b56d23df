#include "layer_child.h"

#include "failure.h"
#include "image_dirs.h"
#include "image_sandbox.h"
#include "layer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <base/file.h>
#include <base/ipc.h>
#include <base/reader.h>
#include <base/sandbox.h>
#include <image-rs/manifest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	SYMKEY_SIZE = 32,
	PROGRESS_STEP = 1024 * 1024
};

/* ---- the key ---- */

void layer_secret_done(struct layer_secret *s)
{
	img_layer_key_done(&s->key);
	s->encrypted = false;
}

/* A denial of the broker already says why; anything else needs a code of ours. */
static struct err refuse_key(struct err e)
{
	char text[DENIAL_VALUE_MAX];

	if (err_denial() || (e.code != ERR_DENIED && e.code != ERR_UNVERIFIED))
		return e;
	(void)snprintf(text, sizeof(text), "%s", err_text());
	return err_deny(e.code, "image.key-refused", "layer key", "a key from the broker", text);
}

static RESULT unwrap(
	const struct img_callbacks *cb, const struct img_packets *packets, struct secret **ret)
{
	struct err e = err_new(ERR_DENIED, "nobody to ask");

	for (size_t i = 0; cb && cb->unwrap_key && i < packets->n; i++) {
		e = cb->unwrap_key(cb->arg, buf_bytes(&packets->v[i]), ret);
		if (!failed(e))
			return OK;
	}
	return refuse_key(e);
}

RESULT layer_secret_get(
	const struct layers_job *job, const struct img_descriptor *layer, struct layer_secret *ret)
{
	const char *annotation = json_map_get(&layer->annotations, IMG_ENC_PUBOPTS);
	AUTO(layer_secret_done) struct layer_secret s = { .encrypted = true };
	AUTO(img_packets_done) struct img_packets packets = { 0 };
	AUTO(secret_freep) struct secret *options = NULL;
	struct img_pubopts pubopts;

	if (!annotation)
		return err_new(ERR_FORMAT, "the layer has no annotation %s", IMG_ENC_PUBOPTS);
	TRY(img_pubopts_parse(annotation, &pubopts));
	TRY(img_packets_of(&layer->annotations, &packets));
	TRY(unwrap(job->callbacks, &packets, &options));
	TRY(img_layer_key_parse(secret_bytes(options), &s.key));
	memcpy(s.hmac, pubopts.hmac, sizeof(s.hmac));
	if (pubopts.has_nonce)
		memcpy(s.key.nonce, pubopts.nonce, sizeof(s.key.nonce));
	*ret = s;
	s.key.symkey = NULL;
	return OK;
}

static RESULT send_key(int fd, const struct layer_secret *s)
{
	AUTO(buf_done) struct buf b = BUF_INIT(256);

	buf_u8(&b, s->encrypted);
	if (s->encrypted) {
		buf_put(&b, secret_bytes(s->key.symkey));
		buf_put(&b, BYTES_OF(s->key.nonce));
		buf_put(&b, BYTES_OF(s->hmac));
	}
	struct err e = buf_end(&b, "layer key");
	if (!failed(e))
		e = ipc_send(fd, CHILD_KEY, buf_bytes(&b));
	bytes_wipe(b.p, b.n);
	return e;
}

static RESULT read_key(struct bytes body, struct layer_secret *s)
{
	struct reader r = rd_of(body);

	s->encrypted = rd_u8(&r) == 1;
	if (!s->encrypted)
		return rd_end(&r, "layer key");
	struct bytes symkey = rd_take(&r, SYMKEY_SIZE);
	rd_copy(&r, s->key.nonce, sizeof(s->key.nonce));
	rd_copy(&r, s->hmac, sizeof(s->hmac));
	TRY(rd_end(&r, "layer key"));
	return secret_of(symkey, &s->key.symkey);
}

static RESULT receive_key(int fd, struct layer_secret *s)
{
	AUTO(ipc_message_done) struct ipc_message m = { 0 };

	TRY(ipc_recv(fd, -1, &m));
	struct err e = m.type == CHILD_KEY ? read_key(buf_bytes(&m.body), s)
					   : err_new(ERR_PEER, "message %u", m.type);
	bytes_wipe(m.body.p, m.body.n);
	return e;
}

/* ---- the child ---- */

struct reporter {
	int fd;
	uint64_t last;
};

static void report(void *arg, uint64_t done)
{
	struct reporter *r = arg;
	uint8_t text[8];

	if (done - r->last < PROGRESS_STEP)
		return;
	r->last = done;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(done >> (8 * i));
	err_ignore(ipc_send(r->fd, CHILD_PROGRESS, BYTES_OF(text))); /* only for people */
}

static RESULT unpack(const struct layers_job *job, const struct layer_child *self,
	struct untar_budget *budget, const struct layer_secret *secret)
{
	const struct img_descriptor *layer = img_layer(job->manifest, self->layer);
	AUTO(img_store_freep) struct img_store *store = NULL;
	struct reporter reporter = { .fd = self->fd };
	const struct img_layer_kind *kind;

	TRY(img_layer_kind(layer->media_type, &kind));
	struct layer_job j = {
		.blob = { .digest = layer->digest, .size = layer->size },
		.compression = kind->compression,
		.diff_id = job->config->diff_ids.v[self->layer],
		.key = secret->encrypted ? &secret->key : NULL,
		.hmac = secret->hmac,
		.budget = budget,
		.progress = report,
		.arg = &reporter,
	};
	int root = open(self->staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_new(ERR_SYS, "%s", self->staging);
	struct err e = image_sandbox_layer(self->staging);
	if (!failed(e))
		e = img_registry_open(job->registry, job->source, &store);
	if (failed(e)) {
		(void)close(root);
		return e;
	}
	return layer_unpack(store, &j, root);
}

static _Noreturn void child(
	const struct layers_job *job, const struct layer_child *self, struct untar_budget *budget)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IPC_MESSAGE_MAX);
	AUTO(layer_secret_done) struct layer_secret secret = { 0 };

	/* The other layers' sockets and the hub's must not be reachable from here. */
	(void)close_range(STDERR_FILENO + 1, (unsigned)self->fd - 1, 0);
	(void)close_range((unsigned)self->fd + 1, ~0u, 0);
	(void)umask(0);
	struct err e = receive_key(self->fd, &secret);
	if (!failed(e))
		e = unpack(job, self, budget, &secret);
	if (failed(e))
		failure_write(e, &text);
	err_ignore(ipc_send(self->fd, failed(e) ? CHILD_FAILED : CHILD_DONE, buf_bytes(&text)));
	_exit(failed(e) ? 1 : 0);
}

static RESULT fork_child(
	const struct layers_job *job, struct layer_child *c, struct untar_budget *budget)
{
	pid_t parent = getpid();
	int fds[2];

	TRY(ipc_pair(fds));
	pid_t pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(1);
		c->fd = fds[1];
		child(job, c, budget);
	}
	(void)close(fds[1]);
	c->fd = fds[0];
	c->pid = pid > 0 ? pid : 0;
	return pid < 0 ? err_new(ERR_SYS, "fork") : OK;
}

/* The key is fetched before the fork, but sent after it: secrets are wiped in children, so that no
 * layer's process inherits the keys of others. */
RESULT layer_child_start(const struct layers_job *job, size_t layer, struct untar_budget *budget,
	struct layer_child *ret_child)
{
	AUTO(layer_child_done) struct layer_child c = { .fd = -1, .layer = layer };
	AUTO(layer_secret_done) struct layer_secret secret = { 0 };
	const struct img_layer_kind *kind;

	TRY(img_layer_kind(img_layer(job->manifest, layer)->media_type, &kind));
	if (kind->encrypted)
		TRY(layer_secret_get(job, img_layer(job->manifest, layer), &secret));
	TRY(staging_make(job->work_dir, &c.staging));
	TRY(fork_child(job, &c, budget));
	TRY(send_key(c.fd, &secret));
	*ret_child = c;
	c = (struct layer_child){ .fd = -1 };
	return OK;
}

void layer_child_done(struct layer_child *c)
{
	if (c->pid > 0) {
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
	}
	if (c->fd >= 0)
		(void)close(c->fd);
	if (c->staging)
		err_ignore(dir_remove_tree(c->staging)); /* a leftover is only lost space */
	free(c->staging);
	*c = (struct layer_child){ .fd = -1 };
}
