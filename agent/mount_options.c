#include "mount_options.h"

#include <base/mount_flags.h>

enum {
	DATA_MAX = 4095, /* of the kernel's page */
	MODE_MAX = 07777
};

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
	uint64_t gid;

	if (mount_flag_apply(option, &o->flags))
		return OK;
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
