/* create: directory, holder, hooks, shim. */
#include "console.h"
#include "holder.h"
#include "holder_root.h"
#include "hooks.h"
#include "life.h"
#include "oci.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/file.h>
#include <sys/stat.h>

struct creation {
	const struct life_create *q;
	struct bundle bundle;
	struct oci_container c;
	struct process holder;
	int tty;
};

static RESULT make_dirs(const struct oci_container *c)
{
	static const char *const names[] = { "bundle", "io", "exec" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(auto_free) char *path = NULL;

		TRY(path_join(c->dir, names[i], &path));
		TRY(dir_make(path, 0700));
	}
	return OK;
}

static RESULT write_below(const struct oci_container *c, const char *name, const struct buf *text)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(c->dir, name, &path));
	return file_write_atomic(path, buf_bytes(text), 0600);
}

/* ---- whose machine ---- */

RESULT life_lock_root(int *ret_fd)
{
	AUTO(auto_close) int fd = open(oci_root(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_new(ERR_SYS, "%s", oci_root());
	while (flock(fd, LOCK_EX) != 0)
		if (errno != EINTR)
			return err_new(ERR_SYS, "%s: locking", oci_root());
	*ret_fd = TAKE_FD(fd);
	return OK;
}

/* "--network container:X" of Podman is no pod, but the network is in X's machine all the same. */
static RESULT by_network(const struct bundle *b, char **ret_sandbox)
{
	AUTO(strv_done) struct strv ids = { 0 };

	*ret_sandbox = NULL;
	if (b->network != BUNDLE_NETWORK_PATH || !str_starts(b->netns, "/proc/"))
		return OK;
	TRY(oci_container_list(oci_root(), &ids));
	for (size_t i = 0; i < ids.n; i++) {
		AUTO(oci_container_done) struct oci_container other = OCI_CONTAINER_NONE;
		char path[64];

		if (failed(oci_container_peek(oci_root(), ids.v[i], &other)))
			continue; /* it goes */
		(void)snprintf(path, sizeof(path), "/proc/%llu/ns/net",
			(unsigned long long)other.s.holder.pid);
		if (str_equal(path, b->netns) && oci_process_alive(&other.s.holder))
			return str_dup(other.s.sandbox, ret_sandbox);
	}
	return OK;
}

/* Saved under the lock: from then on the machine has one more container. */
static RESULT join(struct creation *k, const char *sandbox)
{
	AUTO(oci_container_done) struct oci_container other = OCI_CONTAINER_NONE;
	AUTO(auto_close) int lock = -1;

	TRY(life_lock_root(&lock));
	struct err e = oci_container_peek(oci_root(), sandbox, &other);
	if (failed(e))
		return err_add(e, "the pod's sandbox");
	if (!other.s.address[0])
		return err_new(ERR_STATE,
			"the pod's sandbox '%s' has no machine: start it before its containers",
			sandbox);
	TRY(oci_state_set(&k->c.s.address, other.s.address));
	TRY(oci_state_set(&k->c.s.sandbox, other.s.sandbox));
	return oci_container_save(&k->c);
}

static RESULT find_machine(struct creation *k)
{
	AUTO(auto_free) char *sandbox = NULL;

	if (k->bundle.sandbox && !str_equal(k->bundle.sandbox, k->q->id))
		return join(k, k->bundle.sandbox);
	TRY(by_network(&k->bundle, &sandbox));
	if (sandbox)
		return join(k, sandbox);
	k->c.s.deferred = k->bundle.network_later;
	return OK;
}

/* ---- the holder ---- */

static const char *namespace_of(const struct bundle *b)
{
	if (b->network == BUNDLE_NETWORK_EMPTY)
		return "new";
	return b->network == BUNDLE_NETWORK_PATH ? b->netns : "";
}

static RESULT start_holder(struct creation *k)
{
	AUTO(auto_free) char *io = NULL;

	TRY(path_join(k->c.dir, "io", &io));
	const struct holder_config h = {
		.dir = io,
		.state_dir = k->c.dir,
		.id = k->q->id,
		.exec_id = "",
		.netns = namespace_of(&k->bundle),
		.tty_fd = k->tty,
		.terminal = k->bundle.terminal,
		.foreground = k->q->foreground,
	};
	TRY(holder_start(&h, &k->holder));
	TRY(oci_process_set(&k->c.s.holder, "holder", k->holder.pid));
	return oci_container_save(&k->c);
}

static RESULT write_bundle(const struct creation *k)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);
	AUTO(buf_done) struct buf hooks = BUF_INIT(JSON_SIZE_MAX);
	const struct json *all = json_get(k->bundle.spec, "hooks");
	bool joined = !str_equal(k->c.s.sandbox, k->c.s.id);
	char made[64];
	struct bundle_rewrite how = {
		.sandbox = joined ? k->c.s.sandbox : NULL,
		.netns = k->bundle.netns,
	};

	/* The holder keeps the new namespace, so the engine and the machine find the same one. */
	(void)snprintf(made, sizeof(made), "/proc/%d/ns/net", (int)k->holder.pid);
	if (k->bundle.network == BUNDLE_NETWORK_EMPTY && k->c.s.deferred)
		how.netns = made;
	TRY(bundle_print(&k->bundle, &how, &text));
	TRY(write_below(&k->c, "bundle/config.json", &text));
	if (!all)
		return OK;
	json_print(all, &hooks);
	TRY(buf_end(&hooks, "hooks"));
	return write_below(&k->c, "hooks.json", &hooks);
}

static void say_left_out(const struct bundle *b)
{
	AUTO(buf_done) struct buf kinds = BUF_INIT(64);

	hooks_left_out(json_get(b->spec, "hooks"), &kinds);
	if (kinds.n > 0)
		oci_say("warning",
			"hooks %s are not run: the namespaces they change are in the guest",
			buf_cstr(&kinds));
}

static RESULT host_hooks(const struct creation *k)
{
	const struct json *all = json_get(k->bundle.spec, "hooks");

	say_left_out(&k->bundle);
	TRY(hooks_run(all, "prestart", &k->c.s, OCI_CREATING));
	return hooks_run(all, "createRuntime", &k->c.s, OCI_CREATING);
}

static RESULT build(struct creation *k)
{
	struct oci_state *s = &k->c.s;

	TRY(make_dirs(&k->c));
	TRY(oci_state_set(&s->bundle, k->bundle.dir));
	TRY(oci_state_set(&s->rootfs, k->bundle.rootfs));
	TRY(oci_state_set(&s->handler, oci_handler()));
	s->terminal = k->bundle.terminal;
	s->annotations = k->bundle.annotations;
	k->bundle.annotations = (struct json_map){ 0 };
	TRY(find_machine(k));
	if (k->q->console_socket)
		TRY(console_send(k->q->console_socket, &k->tty));
	TRY(start_holder(k));
	TRY(write_bundle(k));
	TRY(host_hooks(k));
	if (!s->deferred) {
		TRY(life_boot(&k->c));
		TRY(holder_go(&k->holder));
		TRY(holder_wait_root(k->holder.pid));
	}
	TRY(oci_state_set(&s->stage, "created"));
	return oci_container_save(&k->c);
}

static void creation_done(struct creation *k)
{
	bundle_done(&k->bundle);
	oci_container_done(&k->c);
	process_end(&k->holder);
	auto_close(&k->tty);
}

RESULT life_create(const struct life_create *q, struct oci_container *ret_container,
	struct process *ret_holder)
{
	AUTO(creation_done) struct creation k = {
		.q = q, .c = OCI_CONTAINER_NONE, .holder = PROCESS_NONE, .tty = -1
	};
	struct err_saved why;

	TRY(oci_id_check(q->id));
	TRY(bundle_load(q->bundle, q->config, &k.bundle));
	TRY(console_check(
		k.bundle.terminal, q->console_socket, !q->foreground, isatty(STDIN_FILENO)));
	TRY(oci_container_new(oci_root(), q->id, &k.c));
	struct err e = build(&k);
	if (failed(e)) {
		err_save(e, &why);
		process_end(&k.holder);
		err_ignore(life_destroy(&k.c)); /* why it was not created is what matters */
		return err_restore(&why);
	}
	*ret_container = k.c;
	*ret_holder = k.holder;
	k.c = OCI_CONTAINER_NONE;
	k.holder = PROCESS_NONE;
	return OK;
}
