#include "flags.h"

#include <string.h>

#include <base/buf.h>

#define SHIM_PREFIX "containerd-shim-"
#define SHIM_SUFFIX "-v2"

struct flag {
	const char *name;
	size_t offset;
	bool is_switch;
};

#define TEXT(flag_name, member)                                                                    \
	{                                                                                          \
		.name = (flag_name), .offset = offsetof(struct shim_flags, member)                 \
	}
#define SWITCH(flag_name, member)                                                                  \
	{                                                                                          \
		.name = (flag_name), .offset = offsetof(struct shim_flags, member),                \
		.is_switch = true                                                                  \
	}
static const struct flag flags[] = {
	TEXT("namespace", ns),
	TEXT("id", id),
	TEXT("address", address),
	TEXT("publish-binary", publish),
	TEXT("bundle", bundle),
	TEXT("handler", handler),
	TEXT("config", config),
	SWITCH("debug", debug),
	SWITCH("v", version),
	SWITCH("version", version),
	SWITCH("info", info),
	SWITCH("h", help),
	SWITCH("help", help),
};
#undef TEXT
#undef SWITCH

const char shim_usage[] =
	"Usage: containerd-shim-HANDLER-v2 [FLAGS] [start|delete]\n\n"
	"Run by container engines: one process a pod, which starts its machine and serves the\n"
	"engine's task and sandbox services. HANDLER is the table of the configuration.\n\n"
	"  -namespace NS         the engine's namespace\n"
	"  -id ID                of the container\n"
	"  -address PATH         the engine's socket\n"
	"  -publish-binary FILE  the engine's program, for events\n"
	"  -bundle DIR           of the container, for delete (the working directory)\n"
	"  -handler NAME         instead of the one in the program's name\n"
	"  -config FILE          configuration, instead of /etc/sealpod/config.toml\n"
	"  -debug                more log lines\n"
	"  -info                 what this runtime is, as containerd's RuntimeInfo\n"
	"  -v, -version          the version\n"
	"  -h, -help             this text\n";

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

RESULT shim_id_check(const char *id, const char *what)
{
	size_t n = strlen(id);

	if (n == 0 || n > SHIM_ID_MAX)
		return err_new(
			ERR_USAGE, "%s: %zu characters, expected 1 to %d", what, n, SHIM_ID_MAX);
	for (size_t i = 0; i < n; i++) {
		bool between = i > 0 && i + 1 < n && is_alnum(id[i - 1]) && strchr("._-", id[i]);

		if (!is_alnum(id[i]) && !between)
			return err_new(ERR_USAGE,
				"%s '%.80s': letters and digits, single '.', '_' or '-' between",
				what, id);
	}
	return OK;
}

RESULT shim_handler_of(const char *argv0, char to[static SHIM_ID_MAX + 1])
{
	const char *slash = strrchr(argv0, '/');
	const char *name = slash ? slash + 1 : argv0;
	size_t n = strlen(name), around = strlen(SHIM_PREFIX SHIM_SUFFIX);

	if (!str_starts(name, SHIM_PREFIX) || !str_ends(name, SHIM_SUFFIX) || n <= around ||
		n - around > SHIM_ID_MAX)
		return err_new(ERR_USAGE,
			"program '%.80s': expected " SHIM_PREFIX "HANDLER" SHIM_SUFFIX, name);
	memcpy(to, name + strlen(SHIM_PREFIX), n - around);
	to[n - around] = '\0';
	return OK;
}

static RESULT find_flag(const char *text, const struct flag **ret_flag, const char **ret_value)
{
	const char *name = text + (str_starts(text, "--") ? 2 : 1);
	size_t n = strcspn(name, "=");

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strlen(flags[i].name) != n || strncmp(flags[i].name, name, n) != 0)
			continue;
		*ret_flag = &flags[i];
		*ret_value = name[n] == '=' ? name + n + 1 : NULL;
		return OK;
	}
	return err_new(ERR_USAGE, "flag '%.80s' is not defined", text);
}

static RESULT parse_switch(const struct flag *f, const char *value, bool *to)
{
	if (!value || str_equal(value, "true") || str_equal(value, "1"))
		*to = true;
	else if (str_equal(value, "false") || str_equal(value, "0"))
		*to = false;
	else
		return err_new(
			ERR_USAGE, "flag -%s: '%.40s', expected true or false", f->name, value);
	return OK;
}

/* Returns how many words were taken. */
static RESULT take_flag(int left, char *const *argv, struct shim_flags *to, int *ret_taken)
{
	const struct flag *f;
	const char *value;
	char *at = (char *)to;

	TRY(find_flag(argv[0], &f, &value));
	*ret_taken = 1;
	if (f->is_switch)
		return parse_switch(f, value, (bool *)(void *)(at + f->offset));
	if (!value && left < 2)
		return err_new(ERR_USAGE, "flag -%s needs a value", f->name);
	if (!value)
		*ret_taken = 2;
	*(const char **)(void *)(at + f->offset) = value ? value : argv[1];
	return OK;
}

static RESULT parse_action(int left, char *const *argv, struct shim_flags *to)
{
	if (left == 0)
		return OK;
	if (left > 1)
		return err_new(ERR_USAGE, "'%.40s' after '%.40s': one word is expected, last",
			argv[1], argv[0]);
	if (str_equal(argv[0], "start"))
		to->action = SHIM_START;
	else if (str_equal(argv[0], "delete"))
		to->action = SHIM_DELETE;
	else
		return err_new(ERR_USAGE, "'%.40s': expected start or delete", argv[0]);
	return OK;
}

static RESULT check(const struct shim_flags *f)
{
	if (f->version || f->info || f->help)
		return OK;
	TRY(shim_id_check(f->ns, "-namespace"));
	TRY(shim_id_check(f->id, "-id"));
	return f->handler[0] ? shim_id_check(f->handler, "-handler") : OK;
}

RESULT shim_flags_parse(int argc, char *const *argv, struct shim_flags *ret_flags)
{
	struct shim_flags f = { .ns = "",
		.id = "",
		.address = "",
		.publish = "",
		.bundle = "",
		.handler = "",
		.config = "" };
	int i = 1, taken;

	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		if (str_equal(argv[i], "--")) {
			i++;
			break;
		}
		TRY(take_flag(argc - i, argv + i, &f, &taken));
		i += taken;
	}
	TRY(parse_action(argc - i, argv + i, &f));
	TRY(check(&f));
	*ret_flags = f;
	return OK;
}
