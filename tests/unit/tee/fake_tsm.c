#include "fake_tsm.h"

#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <base/file.h>
#include <sys/stat.h>

#define REPORTS "/sys/kernel/config/tsm/report/"

enum {
	BLOB_LIMIT = 128 * 1024,
	PATH_LIMIT = 1024
};

static struct fake_tsm *fake_of(const struct tee_io *io)
{
	union {
		const struct tee_io *in;
		struct fake_tsm *out;
	} u = { .in = io };

	return u.out;
}

struct err fake_tsm_errno(int code, const char *path)
{
	errno = code;
	return err_new(ERR_SYS, "%s", path);
}

static const char *below(const struct fake_tsm *f, const char *path)
{
	return str_starts(path, f->root) ? path + strlen(f->root) : path;
}

/* The attribute's name when it is one of a request. */
static const char *attribute_of(const struct fake_tsm *f, const char *path)
{
	const char *p = below(f, path);
	const char *slash = str_starts(p, REPORTS) ? strchr(p + strlen(REPORTS), '/') : NULL;

	return slash ? slash + 1 : NULL;
}

static void sibling(const char *path, const char *name, char to[static PATH_LIMIT])
{
	const char *slash = strrchr(path, '/');

	assert_non_null(slash);
	(void)snprintf(to, PATH_LIMIT, "%.*s/%s", (int)(slash - path), path, name);
}

static unsigned long number(const char *path, const char *name)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64);
	char file[PATH_LIMIT];

	sibling(path, name, file);
	return failed(file_read(file, &text)) ? 0 : strtoul(buf_cstr(&text), NULL, 10);
}

static void put(const char *path, const char *name, struct bytes content)
{
	char file[PATH_LIMIT];

	sibling(path, name, file);
	assert_ok(file_write_atomic(file, content, 0644));
}

/* Like the kernel: every write counts. */
static void count_write(const char *path)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lu\n", number(path, "generation") + 1);
	put(path, "generation", bytes_str(text));
}

static struct err fake_make_dir(const struct tee_io *io, const char *path)
{
	struct fake_tsm *f = fake_of(io);
	char provider[64], inside[PATH_LIMIT];

	if (!f->provider)
		return err_new(ERR_NOT_FOUND, "%s: no such file or directory", path);
	if (mkdir(path, 0700) != 0)
		return err_new(ERR_SYS, "%s", path);
	(void)snprintf(inside, sizeof(inside), "%s/x", path);
	(void)snprintf(provider, sizeof(provider), "%s\n", f->provider);
	put(inside, "provider", bytes_str(provider));
	put(inside, "generation", bytes_str("0\n"));
	if (f->floor)
		put(inside, "privlevel_floor", bytes_str(f->floor));
	f->made++;
	return OK;
}

static struct err fake_remove_dir(const struct tee_io *io, const char *path)
{
	fake_of(io)->removed++;
	return dir_remove_tree(path);
}

static struct err fake_write(const struct tee_io *io, const char *path, struct bytes data)
{
	struct fake_tsm *f = fake_of(io);
	const char *name = attribute_of(f, path);

	if (!name)
		return file_write(path, data);
	if (str_equal(name, "inblob"))
		f->asked++;
	else if (!str_equal(name, "privlevel") || !f->floor)
		return err_new(ERR_NOT_FOUND, "%s: no such file or directory", path);
	put(path, name, data);
	count_write(path);
	return OK;
}

/* The report is made when it is read, as the kernel does; its auxblob lies beside it then. */
static struct err make_report(struct fake_tsm *f, const char *path, struct buf *out)
{
	AUTO(buf_done) struct buf in = BUF_INIT(64);
	AUTO(buf_done) struct buf aux = BUF_INIT(BLOB_LIMIT);
	char inblob[PATH_LIMIT];

	if (f->failing > 0) {
		f->failing--;
		return fake_tsm_errno(f->with, path);
	}
	sibling(path, "inblob", inblob);
	assert_ok(file_read(inblob, &in));
	TRY(f->report(f->arg, buf_bytes(&in), (unsigned)number(path, "privlevel"), out, &aux));
	assert_true(f->cut <= out->n);
	out->n -= f->cut;
	if (aux.n > 0)
		put(path, "auxblob", buf_bytes(&aux));
	if (f->disturbed > 0) {
		f->disturbed--;
		count_write(path);
	}
	return OK;
}

static struct err fake_read(const struct tee_io *io, const char *path, struct buf *out)
{
	struct fake_tsm *f = fake_of(io);
	const char *name = attribute_of(f, path);

	return name && str_equal(name, "outblob") ? make_report(f, path, out)
						  : file_read(path, out);
}

static struct err fake_control(
	const struct tee_io *io, const char *path, unsigned long request, void *data)
{
	struct fake_tsm *f = fake_of(io);

	if (!f->control || !file_exists(path))
		return err_new(ERR_NOT_FOUND, "%s: no such file or directory", path);
	return f->control(f->arg, below(f, path), request, data);
}

void fake_tsm_init(struct fake_tsm *f, const char *name)
{
	char reports[PATH_LIMIT];

	*f = (struct fake_tsm){
		.io = {
			.read = fake_read,
			.write = fake_write,
			.make_dir = fake_make_dir,
			.remove_dir = fake_remove_dir,
			.control = fake_control,
		},
	};
	(void)snprintf(f->root, sizeof(f->root), "%s/%s", test_dir(), name);
	(void)snprintf(reports, sizeof(reports), "%s" REPORTS, f->root);
	assert_ok(dir_remove_tree(f->root));
	assert_ok(dir_make(reports, 0755));
}

void fake_tsm_file(const struct fake_tsm *f, const char *path, struct bytes content)
{
	char whole[PATH_LIMIT], dir[PATH_LIMIT];

	(void)snprintf(whole, sizeof(whole), "%s%s", f->root, path);
	(void)snprintf(dir, sizeof(dir), "%s", whole);
	*strrchr(dir, '/') = '\0';
	assert_ok(dir_make(dir, 0755));
	assert_ok(file_write_atomic(whole, content, 0644));
}

struct tee_guest_config fake_tsm_config(const struct fake_tsm *f)
{
	return (struct tee_guest_config){ .root = f->root, .io = &f->io };
}
