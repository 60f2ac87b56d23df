/* The change of an engine's file as a transaction on disk. */
#include "engine_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include <base/file.h>
#include <base/process.h>
#include <runtime/pod.h>
#include <sys/file.h>
#include <sys/stat.h>

#define BACKUP "before"
#define FIRST  "first" /* as it was before the first installation */

struct change {
	const struct engine_change *c;
	struct engine_result *r;
	char *dir, *bin_dir; /* of the journal, below the root; of our programs, as seen from it */
	struct engine_journal journal;
	bool journaled;
	struct buf old, new;
	bool existed;
	mode_t mode;
	int lock;
};

static void change_done(struct change *k)
{
	free(k->dir);
	free(k->bin_dir);
	engine_journal_done(&k->journal);
	buf_done(&k->old);
	buf_done(&k->new);
	auto_close(&k->lock);
}

void engine_result_done(struct engine_result *r)
{
	free(r->file);
	buf_done(&r->diff);
	*r = (struct engine_result){ 0 };
}

PRINTF(2, 3) static void say(const struct change *k, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (k->c->say)
		k->c->say(k->c->arg, line);
}

static bool on_host(const struct change *k)
{
	return k->c->root[0] == '\0';
}

/* ---- links: a handler's name is the shim's ---- */

static RESULT each_link(const struct change *k, const struct strv *handlers,
	struct err (*fn)(const char *link, const char *target))
{
	const char *program =
		k->c->engine == ENGINE_PODMAN ? "sealpod-oci" : "containerd-shim-sealpod-v2";

	for (size_t i = 0; i < handlers->n; i++) {
		AUTO(auto_free) char *name = NULL;
		AUTO(auto_free) char *link = NULL;

		TRY(engine_program(k->c->engine, handlers->v[i], &name));
		if (str_equal(name, program))
			continue;
		TRY(str_format(&link, "%s%s/%s", k->c->root, k->bin_dir, name));
		TRY(fn(link, program));
	}
	return OK;
}

static bool links_to(const char *link, const char *target)
{
	char at[PATH_MAX];
	ssize_t n = readlink(link, at, sizeof(at));

	return n >= 0 && bytes_equal(bytes_of(at, (size_t)n), bytes_str(target));
}

static RESULT add_link(const char *link, const char *target)
{
	if (links_to(link, target))
		return OK;
	if (symlink(target, link) < 0)
		return err_new(ERR_SYS, "%s", link);
	return OK;
}

static RESULT remove_link(const char *link, const char *target)
{
	if (links_to(link, target) && unlink(link) < 0)
		return err_new(ERR_SYS, "%s", link);
	return OK;
}

/* ---- files ---- */

static RESULT read_if_there(const char *path, struct buf *out, bool *ret_there)
{
	struct err e;

	*ret_there = file_exists(path);
	if (!*ret_there)
		return OK;
	e = file_read(path, out);
	return e;
}

static RESULT put_or_remove(const char *path, bool there, struct bytes text, mode_t mode)
{
	if (there)
		return file_write_atomic(path, text, mode);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_new(ERR_SYS, "%s", path);
	return OK;
}

static RESULT keep(const struct change *k, const char *name, struct bytes text)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(k->dir, name, &path));
	return file_write_atomic(path, text, 0600);
}

static RESULT kept(const struct change *k, const char *name, struct buf *out)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(k->dir, name, &path));
	return file_read(path, out);
}

/* Where links lead: renaming over one would leave the file behind. */
static RESULT resolve_file(const struct change *k, char **ret_path)
{
	const char *usual = engine_info(k->c->engine)->file;
	AUTO(auto_free) char *path = NULL;
	char *real;

	TRY(str_format(&path, "%s%s", k->c->root, k->c->file ? k->c->file : usual));
	real = on_host(k) ? realpath(path, NULL) : NULL;
	*ret_path = real ? real : TAKE(path);
	return OK;
}

/* ---- beginning ---- */

/* One change of an engine at a time; what an earlier one left half done is taken back. */
static RESULT lock(struct change *k)
{
	AUTO(auto_free) char *path = NULL;

	if (k->c->dry_run)
		return OK;
	TRY(dir_make(k->dir, 0700));
	TRY(path_join(k->dir, "lock", &path));
	k->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (k->lock < 0)
		return err_new(ERR_SYS, "%s", path);
	if (flock(k->lock, LOCK_EX | LOCK_NB) < 0)
		return err_new(ERR_STATE, "%s is being changed by another 'sealpod install'",
			engine_name(k->c->engine));
	return OK;
}

static RESULT restore(const struct change *k)
{
	AUTO(buf_done) struct buf before = BUF_INIT(ENGINE_CONFIG_MAX);

	if (k->journal.existed)
		TRY(kept(k, BACKUP, &before));
	return put_or_remove(k->journal.file, k->journal.existed, buf_bytes(&before), k->mode);
}

static void forget(const struct change *k)
{
	err_ignore(dir_remove_tree(k->dir)); /* the next call repairs what is left */
}

static RESULT repair(struct change *k)
{
	struct err e = engine_journal_read(k->dir, &k->journal);

	if (e.code == ERR_NOT_FOUND)
		return OK;
	if (failed(e))
		return e;
	k->journaled = true;
	if (!k->journal.changing)
		return OK;
	say(k, "an earlier change of %s was interrupted: %s", k->journal.file,
		k->c->dry_run ? "it would be taken back first" : "it is taken back");
	if (k->c->dry_run)
		return OK;
	TRY(restore(k));
	k->journal.changing = false;
	if (k->journal.handlers.n > 0)
		return engine_journal_write(k->dir, &k->journal);
	/* Nothing was installed before that change. */
	engine_journal_done(&k->journal);
	k->journaled = false;
	return engine_journal_remove(k->dir);
}

static RESULT own_directory(char **ret_dir)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return err_new(ERR_SYS, "finding this program");
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	return str_dup(self, ret_dir);
}

static RESULT begin(struct change *k)
{
	struct stat st;

	TRY(str_format(
		&k->dir, "%s%s/install/%s", k->c->root, POD_STATE_DIR, engine_name(k->c->engine)));
	TRY(k->c->bin_dir ? str_dup(k->c->bin_dir, &k->bin_dir) : own_directory(&k->bin_dir));
	TRY(config_path_check(k->bin_dir));
	TRY(resolve_file(k, &k->r->file));
	k->mode = stat(k->r->file, &st) == 0 ? st.st_mode & 07777 : 0644;
	TRY(lock(k));
	TRY(repair(k));
	return read_if_there(k->r->file, &k->old, &k->existed);
}

/* ---- diff ---- */

static RESULT make_diff(struct change *k)
{
	const char *const argv[] = { "diff", "-u", "--label", k->r->file, "--label", "with Sealpod",
		k->existed ? k->r->file : "/dev/null", "-", NULL };
	int status = 0;

	if (failed(process_run(argv, buf_bytes(&k->new), &k->r->diff, NULL, &status)) ||
		status > 1) {
		/* Without diff(1) the whole new text tells as much. */
		buf_clear(&k->r->diff);
		buf_put(&k->r->diff, buf_bytes(&k->new));
	}
	return buf_end(&k->r->diff, "diff");
}

/* ---- the change itself ---- */

static RESULT set_handlers(struct engine_journal *j, const struct strv *handlers)
{
	strv_done(&j->handlers);
	for (size_t i = 0; handlers && i < handlers->n; i++)
		TRY(strv_add(&j->handlers, handlers->v[i]));
	return OK;
}

/* From here on an interruption leaves what repair() takes back. */
static RESULT write_journal(struct change *k)
{
	if (!k->journaled) {
		TRY(str_dup(k->r->file, &k->journal.file));
		k->journal.existed_first = k->existed;
		TRY(keep(k, FIRST, buf_bytes(&k->old)));
	}
	k->journal.existed = k->existed;
	k->journal.changing = true;
	TRY(keep(k, BACKUP, buf_bytes(&k->old)));
	return engine_journal_write(k->dir, &k->journal);
}

static RESULT put_new(const struct change *k)
{
	AUTO(auto_free) char *parent = NULL;
	bool there = k->new.n > 0;

	TRY(str_dup(k->r->file, &parent));
	*strrchr(parent, '/') = '\0';
	TRY(dir_make(parent, 0755));
	return put_or_remove(k->r->file, there, buf_bytes(&k->new), k->mode);
}

static RESULT take_back(struct change *k, struct err e, bool restarted)
{
	struct err_saved why;

	err_save(e, &why);
	if (failed(restore(k)))
		return err_add(err_restore(&why), "%s could not be put back (%s is it), after",
			k->r->file, k->dir);
	if (restarted && failed(engine_restart(k->c->engine)))
		say(k, "%s does not come up with its old configuration either: %s",
			engine_name(k->c->engine), err_text());
	k->journal.changing = false;
	if (k->journal.handlers.n == 0)
		forget(k);
	else
		err_ignore(engine_journal_write(k->dir, &k->journal)); /* repaired next time */
	return err_add(err_restore(&why), "%s is as before", k->r->file);
}

static bool wants_restart(const struct change *k)
{
	const struct engine_info *info = engine_info(k->c->engine);

	if (!info->unit || !on_host(k))
		return false;
	if (k->c->no_restart || !engine_is_running(k->c->engine)) {
		say(k, "%s %s when it suits: it reads the file only then", info->action,
			info->program);
		return false;
	}
	return true;
}

static RESULT commit(struct change *k)
{
	bool restart = wants_restart(k);
	struct err e = write_journal(k);

	if (failed(e))
		return e;
	e = put_new(k);
	if (failed(e))
		return take_back(k, e, false);
	say(k, "%s is %s", k->r->file, k->new.n ? "written" : "removed");
	if (!restart)
		return OK;
	say(k, "%sing %s", engine_info(k->c->engine)->action, engine_info(k->c->engine)->unit);
	e = engine_restart(k->c->engine);
	return failed(e) ? take_back(k, e, true) : OK;
}

/* An engine that is gone, or that would look for programs below the root, is not asked. */
static RESULT validate(const struct change *k, const struct strv *handlers)
{
	unsigned version;

	if (k->new.n == 0 || (!on_host(k) && k->c->engine == ENGINE_PODMAN) ||
		failed(engine_version(k->c->engine, &version)))
		return OK;
	return engine_validate(k->c->engine, buf_bytes(&k->new), handlers);
}

/* ---- installing ---- */

static RESULT check_programs(const struct change *k, unsigned *ret_version)
{
	const struct engine_info *info = engine_info(k->c->engine);
	AUTO(auto_free) char *path = NULL;
	const char *needs = info->needs;

	if (failed(engine_version(k->c->engine, ret_version))) {
		if (on_host(k))
			return err_new(ERR_NOT_FOUND, "%s is not installed", info->program);
		*ret_version = 0;
	}
	if (!needs)
		needs = *ret_version > 0 && *ret_version < 23 ? "sealpod-oci"
							      : "containerd-shim-sealpod-v2";
	TRY(str_format(&path, "%s%s/%s", k->c->root, k->bin_dir, needs));
	if (!file_exists(path))
		return err_new(
			ERR_NOT_FOUND, "%s is not there: install it, or give --bin-dir", path);
	return OK;
}

/* Docker finds shims by PATH alone. */
static void warn_path(const struct change *k)
{
	static const char *const usual[] = { "/usr/bin", "/usr/sbin", "/usr/local/bin",
		"/usr/local/sbin", "/bin" };

	if (k->c->engine != ENGINE_DOCKER)
		return;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		if (str_equal(k->bin_dir, usual[i]))
			return;
	}
	say(k, "%s must be in the PATH of dockerd", k->bin_dir);
}

/* Podman looks for each program, so links come first; a dry run asks only for those there are. */
static RESULT link_and_validate(const struct change *k)
{
	AUTO(strv_done) struct strv there = { 0 };
	struct err_saved why;
	struct err e;

	if (!k->c->dry_run)
		TRY(each_link(k, k->c->handlers, add_link));
	for (size_t i = 0; i < k->c->handlers->n; i++) {
		AUTO(auto_free) char *name = NULL;
		AUTO(auto_free) char *path = NULL;
		TRY(engine_program(k->c->engine, k->c->handlers->v[i], &name));
		TRY(str_format(&path, "%s%s/%s", k->c->root, k->bin_dir, name));
		if (k->c->engine != ENGINE_PODMAN || file_exists(path))
			TRY(strv_add(&there, k->c->handlers->v[i]));
	}
	e = validate(k, &there);
	if (!failed(e) || k->journaled)
		return e;
	err_save(e, &why);
	err_ignore(each_link(k, k->c->handlers, remove_link)); /* nothing starts them */
	return err_restore(&why);
}

static RESULT install(struct change *k)
{
	struct engine_text t = {
		.handlers = k->c->handlers,
		.bin_dir = k->bin_dir,
		.config = k->c->config,
	};
	AUTO(buf_done) struct buf base = BUF_INIT(ENGINE_CONFIG_MAX);
	struct err e;

	TRY(check_programs(k, &t.version));
	/* Handlers that were ours and are no longer asked for go. */
	TRY(engine_remove(k->c->engine, buf_bytes(&k->old), &k->journal.handlers, &base));
	e = engine_add(k->c->engine, buf_bytes(&base), &t, &k->new);
	if (failed(e))
		return err_add(e, "%s", k->r->file);
	k->r->changed = !bytes_equal(buf_bytes(&k->old), buf_bytes(&k->new));
	if (k->r->changed)
		TRY(make_diff(k));
	TRY(link_and_validate(k));
	if (k->c->dry_run)
		return OK;
	if (!k->r->changed) {
		say(k, "%s has it already", k->r->file);
		return OK;
	}
	warn_path(k);
	TRY(commit(k));
	k->journal.changing = false;
	TRY(set_handlers(&k->journal, k->c->handlers));
	return engine_journal_write(k->dir, &k->journal);
}

/* ---- removing ---- */

static RESULT first_text(const struct change *k, struct buf *out)
{
	AUTO(buf_done) struct buf first = BUF_INIT(ENGINE_CONFIG_MAX);
	AUTO(buf_done) struct buf again = BUF_INIT(ENGINE_CONFIG_MAX);

	TRY(engine_remove(k->c->engine, buf_bytes(&k->old), &k->journal.handlers, out));
	/* What people wrote comes back as they wrote it when nobody has changed it since. */
	TRY(kept(k, FIRST, &first));
	if (k->journal.existed_first) {
		TRY(engine_remove(k->c->engine, buf_bytes(&first), &k->journal.handlers, &again));
		if (!bytes_equal(buf_bytes(&again), buf_bytes(out)))
			return OK;
		buf_clear(out);
		buf_put(out, buf_bytes(&first));
		return buf_end(out, "configuration");
	}
	/* The line that a file of containerd begins with was ours as well. */
	if (out->n > 0 && str_starts(buf_cstr(out), "version = ") &&
		strchr(buf_cstr(out), '\n') == buf_cstr(out) + out->n - 1)
		buf_clear(out);
	return OK;
}

/* A link serves all engines that start the same program. */
static bool used_elsewhere(const struct change *k, const char *handler)
{
	for (unsigned e = 0; e < ENGINES; e++) {
		AUTO(auto_free) char *dir = NULL;
		AUTO(engine_journal_done) struct engine_journal j = { 0 };

		if (e == k->c->engine || (e == ENGINE_PODMAN) != (k->c->engine == ENGINE_PODMAN))
			continue;
		if (failed(str_format(&dir, "%s%s/install/%s", k->c->root, POD_STATE_DIR,
			    engine_name((enum engine_kind)e))) ||
			failed(engine_journal_read(dir, &j)))
			continue;
		for (size_t i = 0; i < j.handlers.n; i++) {
			if (str_equal(j.handlers.v[i], handler))
				return true;
		}
	}
	return false;
}

static RESULT remove_links(const struct change *k)
{
	AUTO(strv_done) struct strv mine = { 0 };

	for (size_t i = 0; i < k->journal.handlers.n; i++) {
		if (!used_elsewhere(k, k->journal.handlers.v[i]))
			TRY(strv_add(&mine, k->journal.handlers.v[i]));
	}
	return each_link(k, &mine, remove_link);
}

static RESULT uninstall(struct change *k)
{
	const struct strv nobody = { 0 };

	if (!k->journaled) {
		say(k, "%s: nothing of Sealpod was installed there", k->r->file);
		return OK;
	}
	TRY(first_text(k, &k->new));
	k->r->changed = !bytes_equal(buf_bytes(&k->old), buf_bytes(&k->new));
	if (k->r->changed)
		TRY(make_diff(k));
	TRY(validate(k, &nobody));
	if (k->c->dry_run)
		return OK;
	if (k->r->changed)
		TRY(commit(k));
	TRY(remove_links(k));
	forget(k);
	return OK;
}

/* ---- both ---- */

static RESULT change(const struct engine_change *c, struct err (*fn)(struct change *k),
	struct engine_result *ret_result)
{
	AUTO(engine_result_done) struct engine_result r = {
		.diff = BUF_INIT(2 * ENGINE_CONFIG_MAX),
	};
	AUTO(change_done) struct change k = {
		.c = c,
		.r = &r,
		.old = BUF_INIT(ENGINE_CONFIG_MAX),
		.new = BUF_INIT(ENGINE_CONFIG_MAX),
		.lock = -1,
	};

	TRY(begin(&k));
	TRY(fn(&k));
	*ret_result = r;
	r = (struct engine_result){ 0 };
	return OK;
}

RESULT engine_install(const struct engine_change *c, struct engine_result *ret_result)
{
	for (size_t i = 0; i < c->handlers->n; i++)
		TRY(config_handler_check(c->handlers->v[i]));
	if (c->handlers->n == 0)
		return err_new(ERR_USAGE, "no handler to install");
	return change(c, install, ret_result);
}

RESULT engine_uninstall(const struct engine_change *c, struct engine_result *ret_result)
{
	return change(c, uninstall, ret_result);
}
