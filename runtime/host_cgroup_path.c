#include "runtime/host_cgroup.h"

/* No empty component, "." or ".."; what is left stays below the root. */
static RESULT check_path(const char *path)
{
	for (const char *at = path; *at;) {
		size_t n = strcspn(at, "/");

		if (n == 0 || n > 255 || (n == 1 && at[0] == '.') ||
			(n == 2 && at[0] == '.' && at[1] == '.'))
			return err_new(
				ERR_FORMAT, "cgroupsPath \"%.120s\": no path below the root", path);
		for (size_t i = 0; i < n; i++)
			if (at[i] < ' ' || at[i] == 0x7f)
				return err_new(ERR_FORMAT, "cgroupsPath: control character");
		at += n;
		if (*at == '/' && *++at == '\0')
			return err_new(ERR_FORMAT, "cgroupsPath \"%.120s\": ends with '/'", path);
	}
	return OK;
}

/* "a-b.slice" lies in "a.slice"; systemd.slice(5). */
static RESULT expand_slice(const char *slice, struct buf *out)
{
	static const char suffix[] = ".slice";
	size_t n = strlen(slice);

	if (str_equal(slice, "-.slice"))
		return OK;
	if (!str_ends(slice, suffix) || strchr(slice, '/') || slice[0] == '-' || slice[0] == '.')
		return err_new(ERR_FORMAT, "cgroupsPath: \"%.80s\" is no slice", slice);
	n -= sizeof(suffix) - 1;
	for (size_t i = 1; i <= n; i++) {
		if (i < n && slice[i] != '-')
			continue;
		if (slice[i - 1] == '-')
			return err_new(ERR_FORMAT, "cgroupsPath: \"%.80s\" is no slice", slice);
		buf_printf(out, "%.*s%s/", (int)i, slice, suffix);
	}
	return OK;
}

static RESULT systemd_path(const char *path, struct buf *out)
{
	AUTO(auto_free) char *copy = NULL;
	char *prefix, *name;

	TRY(str_dup(path, &copy));
	prefix = strchr(copy, ':');
	*prefix++ = '\0';
	name = strchr(prefix, ':');
	*name++ = '\0';
	if (name[0] == '\0' || strchr(name, ':') || strchr(name, '/') || strchr(prefix, '/'))
		return err_new(ERR_FORMAT, "cgroupsPath \"%.120s\" is not SLICE:PREFIX:NAME", path);
	TRY(expand_slice(copy[0] ? copy : "system.slice", out));
	/* As runc names them: a name that is a slice is one. */
	if (str_ends(name, ".slice"))
		buf_puts(out, name);
	else
		buf_printf(out, "%s%s%s.scope", prefix, prefix[0] ? "-" : "", name);
	return OK;
}

static bool is_systemd(const char *path)
{
	const char *colon = strchr(path, ':');

	return path[0] != '/' && colon && strchr(colon + 1, ':');
}

RESULT host_cgroup_path(const struct host_cgroup_spec *spec, char **ret_path)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	const char *path = spec->path ? spec->path : "";

	if (path[0] == '\0')
		buf_printf(&out, "sealpod/%s", spec->id);
	else if (is_systemd(path))
		TRY(systemd_path(path, &out));
	else
		buf_puts(&out, path + strspn(path, "/"));
	TRY(buf_end(&out, "cgroupsPath"));
	if (out.n == 0)
		return err_new(ERR_FORMAT, "cgroupsPath \"%s\" is the root", path);
	const char *text = buf_cstr(&out);
	if (!text)
		return err_new(ERR_NOMEM, "cgroupsPath");
	TRY(check_path(text));
	return str_dup(text, ret_path);
}
