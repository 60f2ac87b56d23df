#include "layers.h"

#include "failure.h"
#include "image_dirs.h"
#include "layer_child.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include <base/file.h>
#include <base/ipc.h>
#include <base/reader.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#define UNPACKED_DEFAULT (8ULL << 30)

enum {
	ENTRIES_MAX = 1000000 /* of all layers */
};

struct layers {
	const struct layers_job *job;
	struct untar_budget *budget; /* shared with the children */
	struct layer_child children[IMG_PARALLEL];
	struct strv names;
	size_t next;	/* layer to start */
	uint64_t *done; /* compressed bytes of each layer */
};

static void layers_done(struct layers *l)
{
	for (size_t i = 0; i < IMG_PARALLEL; i++)
		layer_child_done(&l->children[i]);
	if (l->budget)
		(void)munmap(l->budget, sizeof(*l->budget));
	strv_done(&l->names);
	free(l->done);
}

/* What fits beside what is there already; the guest's memory, where layers live in it. */
static RESULT room_in(const char *dir, uint64_t *ret_bytes)
{
	struct statvfs st;

	if (statvfs(dir, &st) < 0)
		return err_new(ERR_SYS, "%s", dir);
	uint64_t room = (uint64_t)st.f_bavail * st.f_frsize;
	*ret_bytes = room < UNPACKED_DEFAULT ? room : UNPACKED_DEFAULT;
	return OK;
}

static RESULT shared_budget(const struct layers_job *job, struct untar_budget **ret)
{
	uint64_t max = job->max_unpacked;

	if (max == 0)
		TRY(room_in(job->work_dir, &max));
	struct untar_budget *b =
		mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b == MAP_FAILED)
		return err_new(ERR_NOMEM, "budget");
	b->max_bytes = max;
	b->max_entries = ENTRIES_MAX;
	*ret = b;
	return OK;
}

static RESULT layer_path(const struct layers *l, size_t i, char **ret)
{
	return str_format(ret, "%s/" LAYERS_DIR "/%s", l->job->work_dir, l->names.v[i]);
}

static void tell_progress(const struct layers *l, size_t layer)
{
	const struct img_callbacks *cb = l->job->callbacks;
	uint64_t done = 0, total = 0;

	if (!cb || !cb->progress)
		return;
	for (size_t i = 0; i < l->names.n; i++) {
		done += l->done[i];
		total += img_layer(l->job->manifest, i)->size;
	}
	cb->progress(cb->arg, layer, l->names.n, done, total);
}

/* A directory of that name passed every check, in this pull or an earlier one. */
static bool is_there(const struct layers *l, size_t i)
{
	AUTO(auto_free) char *path = NULL;

	for (size_t k = 0; k < i; k++)
		if (str_equal(l->names.v[k], l->names.v[i]))
			return true;
	return !failed(layer_path(l, i, &path)) && file_exists(path);
}

static struct layer_child *free_child(struct layers *l)
{
	for (size_t i = 0; i < IMG_PARALLEL; i++)
		if (l->children[i].fd < 0)
			return &l->children[i];
	return NULL;
}

static RESULT start_some(struct layers *l)
{
	struct layer_child *c;

	while (l->next < l->names.n && (c = free_child(l))) {
		size_t i = l->next++;
		if (is_there(l, i)) {
			l->done[i] = img_layer(l->job->manifest, i)->size;
			tell_progress(l, i);
			continue;
		}
		struct err e = layer_child_start(l->job, i, l->budget, c);
		if (failed(e))
			return err_add(e, "layer %zu", i);
	}
	return OK;
}

static RESULT keep_layer(struct layers *l, struct layer_child *c)
{
	AUTO(auto_free) char *path = NULL;

	TRY(layer_path(l, c->layer, &path));
	if (rename(c->staging, path) == 0)
		free(TAKE(c->staging));
	else if (errno != EEXIST && errno != ENOTEMPTY) /* a pull beside this one was first */
		return err_new(ERR_SYS, "%s", path);
	l->done[c->layer] = img_layer(l->job->manifest, c->layer)->size;
	tell_progress(l, c->layer);
	layer_child_done(c);
	return OK;
}

static RESULT take_progress(struct layers *l, const struct layer_child *c, struct bytes body)
{
	struct reader r = rd_of(body);
	uint64_t done = rd_le64(&r);

	TRY(rd_end(&r, "progress"));
	l->done[c->layer] = done;
	tell_progress(l, c->layer);
	return OK;
}

static RESULT take_message(struct layers *l, struct layer_child *c)
{
	AUTO(ipc_message_done) struct ipc_message m = { 0 };
	struct err e = ipc_recv(c->fd, 0, &m);

	if (e.code == ERR_NOT_FOUND)
		return err_new(ERR_PEER, "its process ended without a word");
	TRY(e);
	switch (m.type) {
	case CHILD_PROGRESS:
		return take_progress(l, c, buf_bytes(&m.body));
	case CHILD_DONE:
		return keep_layer(l, c);
	case CHILD_FAILED:
		return failure_read(buf_bytes(&m.body));
	default:
		return err_new(ERR_PEER, "message %u", m.type);
	}
}

static RESULT wait_some(struct layers *l)
{
	struct pollfd fds[IMG_PARALLEL];

	for (size_t i = 0; i < IMG_PARALLEL; i++)
		fds[i] = (struct pollfd){ .fd = l->children[i].fd, .events = POLLIN };
	if (poll(fds, IMG_PARALLEL, -1) < 0)
		return errno == EINTR ? OK : err_new(ERR_SYS, "poll");
	for (size_t i = 0; i < IMG_PARALLEL; i++) {
		if (!fds[i].revents)
			continue;
		size_t layer = l->children[i].layer;
		struct err e = take_message(l, &l->children[i]);
		if (failed(e))
			return err_add(e, "layer %zu", layer);
	}
	return OK;
}

static bool any_running(const struct layers *l)
{
	for (size_t i = 0; i < IMG_PARALLEL; i++)
		if (l->children[i].fd >= 0)
			return true;
	return false;
}

static RESULT prepare(struct layers *l)
{
	AUTO(auto_free) char *dir = NULL;

	TRY(str_format(&dir, "%s/" LAYERS_DIR, l->job->work_dir));
	TRY(dir_make(dir, 0700));
	TRY(shared_budget(l->job, &l->budget));
	l->done = calloc(l->job->manifest->layers.n + 1, sizeof(*l->done));
	if (!l->done)
		return err_new(ERR_NOMEM, "layers");
	for (size_t i = 0; i < l->job->manifest->layers.n; i++) {
		char name[LAYER_NAME_CHARS + 1];
		TRY(layer_name(img_layer(l->job->manifest, i)->digest,
			l->job->config->diff_ids.v[i], name));
		TRY(strv_add(&l->names, name));
	}
	return OK;
}

RESULT layers_unpack(const struct layers_job *job, struct strv *ret_names)
{
	AUTO(layers_done) struct layers l = { .job = job };

	for (size_t i = 0; i < IMG_PARALLEL; i++)
		l.children[i].fd = -1;
	TRY(prepare(&l));
	do {
		TRY(start_some(&l));
		if (any_running(&l))
			TRY(wait_some(&l));
	} while (any_running(&l) || l.next < l.names.n);
	*ret_names = l.names;
	l.names = (struct strv){ 0 };
	return OK;
}
