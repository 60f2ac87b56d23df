#include "pod_mounts.h"

#include <base/file.h>
#include <base/json.h>
#include <sys/mount.h>

enum {
	MOUNTINFO_MAX = 32 * 1024 * 1024,
	POINTS_MAX = 16 * 1024,
	POINT_FIELD = 5,
	ESCAPE_DIGITS = 3
};

/* The n-th field (from 1) of a line, empty when there is none. */
static struct bytes field(struct bytes line, unsigned n)
{
	size_t at = 0;

	for (unsigned i = 1; at < line.n; i++) {
		const uint8_t *blank = memchr(line.p + at, ' ', line.n - at);
		size_t end = blank ? (size_t)(blank - line.p) : line.n;

		if (i == n)
			return bytes_of(line.p + at, end - at);
		at = end + 1;
	}
	return BYTES_NONE;
}

static bool is_octal(struct bytes text, size_t at)
{
	if (at + ESCAPE_DIGITS >= text.n || text.p[at + 1] > '3')
		return false;
	for (size_t i = 1; i <= ESCAPE_DIGITS; i++) {
		if (text.p[at + i] < '0' || text.p[at + i] > '7')
			return false;
	}
	return true;
}

/* Blanks, tabs, line ends and backslashes are there as \ooo. */
static RESULT unescape(struct bytes text, char **ret_path)
{
	AUTO(buf_done) struct buf out = BUF_INIT(text.n + 1);

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\\' && is_octal(text, i)) {
			buf_u8(&out, (text.p[i + 1] - '0') << 6 | (text.p[i + 2] - '0') << 3 |
					     (text.p[i + 3] - '0'));
			i += ESCAPE_DIGITS;
		} else {
			buf_u8(&out, text.p[i]);
		}
	}
	TRY(buf_end(&out, "mount point"));
	return bytes_to_str(buf_bytes(&out), ret_path);
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return str_starts(path, dir) && (path[n] == '\0' || path[n] == '/');
}

RESULT pod_mounts_parse(struct bytes mountinfo, const char *dir, struct strv *ret_points)
{
	AUTO(strv_done) struct strv points = { 0 };

	for (size_t at = 0; at < mountinfo.n;) {
		AUTO(auto_free) char *path = NULL;
		const uint8_t *end = memchr(mountinfo.p + at, '\n', mountinfo.n - at);
		size_t n = end ? (size_t)(end - (mountinfo.p + at)) : mountinfo.n - at;
		struct bytes point = field(bytes_of(mountinfo.p + at, n), POINT_FIELD);

		at += n + 1;
		if (point.n == 0)
			return err_new(ERR_FORMAT, "mountinfo: a line without a mount point");
		TRY(unescape(point, &path));
		if (!is_below(path, dir))
			continue;
		if (points.n == POINTS_MAX)
			return err_new(ERR_LIMIT, "%s: more than %d mounts", dir, POINTS_MAX);
		TRY(strv_add(&points, path));
	}
	*ret_points = points;
	points = (struct strv){ 0 };
	return OK;
}

static RESULT points_below(const char *dir, struct strv *ret_points)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MOUNTINFO_MAX);

	TRY(file_read("/proc/self/mountinfo", &text));
	return pod_mounts_parse(buf_bytes(&text), dir, ret_points);
}

RESULT pod_unmount_below(const char *dir)
{
	AUTO(strv_done) struct strv points = { 0 };
	AUTO(strv_done) struct strv left = { 0 };

	TRY(points_below(dir, &points));
	if (points.n == 0)
		return OK;
	for (size_t i = points.n; i-- > 0;)
		(void)umount2(points.v[i], MNT_DETACH | UMOUNT_NOFOLLOW);
	TRY(points_below(dir, &left));
	if (left.n > 0)
		return err_new(ERR_STATE, "%s is still mounted", left.v[0]);
	return OK;
}
