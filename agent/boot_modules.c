#include "boot.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <base/reader.h>
#include <sys/syscall.h>

enum {
	MODULES_FILE_MAX = 64 * 1024
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct bytes word(struct bytes *line)
{
	struct bytes w = *line;

	while (w.n > 0 && is_blank(w.p[0])) {
		w.p++;
		w.n--;
	}
	struct bytes rest = w;

	while (rest.n > 0 && !is_blank(rest.p[0])) {
		rest.p++;
		rest.n--;
	}
	w.n -= rest.n;
	*line = rest;
	return w;
}

RESULT boot_module_line(struct bytes line, struct bytes *ret_group, struct bytes *ret_path)
{
	struct bytes group = word(&line);
	struct bytes path = word(&line);

	if (group.n == 0 || path.n == 0 || word(&line).n > 0)
		return err_new(ERR_FORMAT, "modules: a line is not GROUP PATH");
	*ret_group = group;
	*ret_path = path;
	return OK;
}

static RESULT load(struct bytes path)
{
	AUTO(auto_free) char *name = NULL;
	AUTO(auto_close) int fd = -1;

	TRY(bytes_to_str(path, &name));
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_new(ERR_SYS, "module %s", name);
	if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)
		return err_new(ERR_SYS, "module %s", name);
	return OK;
}

static struct bytes next_line(struct bytes *text)
{
	const uint8_t *end = memchr(text->p, '\n', text->n);
	size_t n = end ? (size_t)(end - text->p) : text->n;
	struct bytes line = bytes_of(text->p, n);

	if (end)
		n++;
	*text = bytes_of(text->p + n, text->n - n);
	return line;
}

RESULT boot_modules(const char *file, const char *group, bool required)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MODULES_FILE_MAX);
	struct bytes left;

	TRY(file_read(file, &text));
	left = buf_bytes(&text);
	while (left.n > 0) {
		struct bytes line = next_line(&left), of, path;
		struct err e;

		if (line.n == 0)
			continue;
		TRY(boot_module_line(line, &of, &path));
		if (bytes_compare(of, bytes_str(group)) != 0)
			continue;
		e = load(path);
		if (failed(e) && required)
			return e;
	}
	return OK;
}
