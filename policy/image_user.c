#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <policy/agent_limits.h>
#include <policy/image_config.h>

enum {
	ACCOUNTS_MAX = 1024 * 1024, /* bytes of /etc/passwd or /etc/group */
};

/* name:password:number:rest of a line of either file */
struct account {
	struct bytes name;
	uint64_t number;
	struct bytes rest;
};

/* An image without the file has no accounts, which is fine. */
static RESULT read_accounts(int rootfs_fd, const char *path, struct buf *out)
{
	AUTO(auto_close) int fd = -1;
	struct err e = open_beneath(rootfs_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, &fd);

	if (e.code == ERR_NOT_FOUND || (e.code == ERR_SYS && err_errno() == ENOENT))
		return OK;
	TRY(e);
	return file_read_fd(fd, path, out);
}

static struct bytes cut(struct bytes *rest, uint8_t at)
{
	const uint8_t *end = rest->n > 0 ? memchr(rest->p, at, rest->n) : NULL;
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	struct bytes piece = bytes_of(rest->p, n);

	if (end)
		n++;
	*rest = bytes_of(rest->p + n, rest->n - n);
	return piece;
}

static bool number_of(struct bytes text, uint64_t *ret_v)
{
	uint64_t v = 0;

	if (text.n == 0 || text.n > 10)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text.p[i] - '0');
	}
	if (v >= UINT32_MAX)
		return false;
	*ret_v = v;
	return true;
}

/* Lines that are not accounts are skipped, as the C library does. */
static bool next_account(struct bytes *file, struct account *ret)
{
	while (file->n > 0) {
		struct bytes line = cut(file, '\n');
		struct bytes name = cut(&line, ':');

		(void)cut(&line, ':');
		struct bytes number = cut(&line, ':');

		if (name.n > 0 && number_of(number, &ret->number)) {
			ret->name = name;
			ret->rest = line;
			return true;
		}
	}
	return false;
}

static bool account_is(const struct account *a, struct bytes name, bool numeric, uint64_t number)
{
	return numeric ? a->number == number : bytes_compare(a->name, name) == 0;
}

RESULT image_user_add_group(struct image_user *u, uint32_t gid)
{
	uint32_t *v;

	for (size_t i = 0; i < u->n_groups; i++)
		if (u->groups[i] == gid)
			return OK;
	if (u->n_groups == AGENT_GROUPS_MAX)
		return err_new(ERR_LIMIT, "user: more than %d groups", AGENT_GROUPS_MAX);
	v = realloc(u->groups, (u->n_groups + 1) * sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "groups");
	u->groups = v;
	u->groups[u->n_groups++] = gid;
	return OK;
}

static bool is_member(struct bytes members, struct bytes name)
{
	while (members.n > 0)
		if (bytes_compare(cut(&members, ','), name) == 0)
			return true;
	return false;
}

static RESULT find_user(
	struct bytes passwd, struct bytes text, struct image_user *u, struct bytes *ret_name)
{
	struct account a;
	uint64_t number = 0;
	bool numeric = number_of(text, &number);

	while (next_account(&passwd, &a)) {
		uint64_t gid = 0;

		if (!account_is(&a, text, numeric, number))
			continue;
		if (!number_of(cut(&a.rest, ':'), &gid))
			return err_new(ERR_FORMAT, "/etc/passwd: no group number");
		u->uid = (uint32_t)a.number;
		u->gid = (uint32_t)gid;
		*ret_name = a.name;
		return OK;
	}
	if (!numeric)
		return err_new(ERR_NOT_FOUND, "user %.*s: not in /etc/passwd", (int)text.n, text.p);
	u->uid = (uint32_t)number;
	return OK;
}

static RESULT find_group(struct bytes group, struct bytes text, struct image_user *u)
{
	struct account a;
	uint64_t number = 0;

	if (number_of(text, &number)) {
		u->gid = (uint32_t)number;
		return OK;
	}
	while (next_account(&group, &a))
		if (bytes_compare(a.name, text) == 0) {
			u->gid = (uint32_t)a.number;
			return OK;
		}
	return err_new(ERR_NOT_FOUND, "group %.*s: not in /etc/group", (int)text.n, text.p);
}

static RESULT resolve(
	struct bytes passwd, struct bytes group, struct bytes user, struct image_user *u)
{
	struct bytes rest = user, name = BYTES_NONE;
	struct account a;
	struct bytes user_part = cut(&rest, ':');

	TRY(find_user(passwd, user_part.n > 0 ? user_part : bytes_str("0"), u, &name));
	/* A group given by the image replaces the account's groups (image-spec config.md, User). */
	if (rest.n > 0)
		return find_group(group, rest, u);
	while (name.n > 0 && next_account(&group, &a))
		if (is_member(a.rest, name) && a.number != u->gid)
			TRY(image_user_add_group(u, (uint32_t)a.number));
	return OK;
}

RESULT image_user_resolve(int rootfs_fd, const char *user, struct image_user *ret_user)
{
	AUTO(buf_done) struct buf passwd = BUF_INIT(ACCOUNTS_MAX);
	AUTO(buf_done) struct buf group = BUF_INIT(ACCOUNTS_MAX);
	AUTO(image_user_done) struct image_user u = { 0 };

	TRY(read_accounts(rootfs_fd, "etc/passwd", &passwd));
	TRY(read_accounts(rootfs_fd, "etc/group", &group));
	TRY(resolve(buf_bytes(&passwd), buf_bytes(&group), bytes_str(user), &u));
	*ret_user = u;
	u = (struct image_user){ 0 };
	return OK;
}

void image_user_done(struct image_user *u)
{
	free(u->groups);
	*u = (struct image_user){ 0 };
}
