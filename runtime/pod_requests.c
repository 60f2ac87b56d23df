#include "runtime/pod_requests.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/stat.h>

static RESULT append(const char *dir, struct bytes line)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_close) int fd = -1;
	struct stat st;

	TRY(path_join(dir, POD_REQUESTS, &path));
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_new(ERR_SYS, "%s", path);
	if ((uint64_t)st.st_size + line.n > POD_REQUESTS_MAX)
		return err_new(ERR_LIMIT, "%s: more than %d bytes", path, POD_REQUESTS_MAX);
	return fd_write_all(fd, line);
}

RESULT pod_requests_add(const char *dir, const struct pod_request *r)
{
	AUTO(buf_done) struct buf line = BUF_INIT(POD_REQUESTS_MAX);
	AUTO(buf_done) struct buf compact = BUF_INIT(POD_REQUESTS_MAX);
	AUTO(json_freep) struct json *body = NULL;
	struct json_writer w = jw_of(&line);

	jw_object(&w);
	jw_kstr(&w, "kind", r->kind);
	jw_key(&w, "request");
	jw_object(&w);
	jw_kstr(&w, "container_id", r->container);
	if (r->number_name)
		jw_ku64(&w, r->number_name, r->number);
	if (r->json_name) {
		/* One line each, however the engine wrote it. */
		TRY(json_parse(r->json, &body));
		json_print(body, &compact);
		TRY(buf_end(&compact, POD_REQUESTS));
		jw_key(&w, r->json_name);
		jw_raw(&w, buf_bytes(&compact));
	}
	jw_object_end(&w);
	jw_object_end(&w);
	buf_puts(&line, "\n");
	TRY(buf_end(&line, POD_REQUESTS));
	return append(dir, buf_bytes(&line));
}

RESULT pod_requests_read(const char *dir,
	RESULT (*each)(void *arg, const struct json *request, size_t number), void *arg)
{
	AUTO(buf_done) struct buf text = BUF_INIT(POD_REQUESTS_MAX);
	AUTO(auto_free) char *path = NULL;
	size_t number = 0;

	TRY(path_join(dir, POD_REQUESTS, &path));
	TRY(file_read(path, &text));
	for (size_t at = 0, end; at < text.n; at = end + 1) {
		AUTO(json_freep) struct json *j = NULL;
		const uint8_t *newline = memchr(text.p + at, '\n', text.n - at);

		/* The last one, of an owner that was killed in the middle of it. */
		if (!newline)
			break;
		end = (size_t)(newline - text.p);
		TRY(json_parse(bytes_of(text.p + at, end - at), &j));
		TRY(each(arg, j, number++));
	}
	return OK;
}
