#include "mount_options.h"

#include <sys/mount.h>

enum {
	DATA_MAX = 4095, /* of the kernel's page */
	MODE_MAX = 07777
};

struct word {
	const char *name;
	unsigned long set, clear;
};

/* mount(8), "filesystem-independent mount options"; propagation is not an option of a storage. */
static const struct word words[] = {
	{ "defaults", 0, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "atime", 0, MS_NOATIME },
	{ "bind", MS_BIND, 0 },
	{ "dev", 0, MS_NODEV },
	{ "diratime", 0, MS_NODIRATIME },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "noatime", MS_NOATIME, 0 },
	{ "nodev", MS_NODEV, 0 },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "noexec", MS_NOEXEC, 0 },
	{ "norelatime", 0, MS_RELATIME },
	{ "nostrictatime", 0, MS_STRICTATIME },
	{ "nosuid", MS_NOSUID, 0 },
	{ "rbind", MS_BIND | MS_REC, 0 },
	{ "relatime", MS_RELATIME, 0 },
	{ "remount", MS_REMOUNT, 0 },
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "strictatime", MS_STRICTATIME, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "sync", MS_SYNCHRONOUS, 0 },
};

static const struct word *word_find(const char *option)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_equal(words[i].name, option))
			return &words[i];
	return NULL;
}

static RESULT octal(const char *s, uint32_t *ret_mode)
{
	uint32_t mode = 0;

	if (s[0] == '\0')
		return err_new(ERR_FORMAT, "mode: empty");
	for (; *s; s++) {
		if (*s < '0' || *s > '7')
			return err_new(ERR_FORMAT, "mode: not octal");
		mode = mode * 8 + (uint32_t)(*s - '0');
		if (mode > MODE_MAX)
			return err_new(ERR_FORMAT, "mode: more than 07777");
	}
	*ret_mode = mode;
	return OK;
}

static RESULT parse_one(const char *option, struct mount_options *o, struct buf *data)
{
	const struct word *w = word_find(option);
	uint64_t gid;

	if (w) {
		o->flags = (o->flags & ~w->clear) | w->set;
		return OK;
	}
	if (str_starts(option, "fsgid=")) {
		TRY(str_to_u64(option + strlen("fsgid="), UINT32_MAX - 1, "fsgid", &gid));
		o->has_fsgid = true;
		o->fsgid = (uint32_t)gid;
		return OK;
	}
	if (str_starts(option, "mode=")) {
		TRY(octal(option + strlen("mode="), &o->mode));
		o->has_mode = true;
	}
	if (option[0] != '\0')
		buf_printf(data, "%s%s", data->n > 0 ? "," : "", option);
	return OK;
}

RESULT mount_options_parse(char *const *options, size_t n, struct mount_options *ret_options)
{
	AUTO(buf_done) struct buf data = BUF_INIT(DATA_MAX);
	struct mount_options o = { 0 };

	for (size_t i = 0; i < n; i++)
		TRY(parse_one(options[i], &o, &data));
	TRY(buf_end(&data, "mount options"));
	if (data.n > 0)
		TRY(bytes_to_str(buf_bytes(&data), &o.data));
	*ret_options = o;
	return OK;
}

void mount_options_done(struct mount_options *o)
{
	free(o->data);
	*o = (struct mount_options){ 0 };
}
