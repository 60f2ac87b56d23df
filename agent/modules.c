#include "requests.h"

#include <base/file.h>
#include <base/process.h>

#define MODPROBE "/sbin/modprobe"

enum {
	PARAMETERS_MAX = 32
};

static bool is_name(const char *name)
{
	static const char chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t n = strlen(name);

	return n > 0 && n <= 56 && name[0] != '-' && strspn(name, chars) == n;
}

RESULT modules_check(const Agent__KernelModule *m)
{
	if (!is_name(m->name))
		return err_new(ERR_FORMAT, "kernel_modules: name %.64s", m->name);
	if (m->n_parameters > PARAMETERS_MAX)
		return err_new(
			ERR_LIMIT, "kernel_modules: more than %d parameters", PARAMETERS_MAX);
	for (size_t i = 0; i < m->n_parameters; i++)
		if (m->parameters[i][0] == '-' || strlen(m->parameters[i]) > 512)
			return err_new(ERR_FORMAT, "kernel_modules: parameter %zu", i);
	return OK;
}

/* Built in or loaded already; the kernel writes "_" for "-". */
static bool is_present(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/module/%s", name);
	for (char *at = path; *at; at++)
		if (*at == '-')
			*at = '_';
	return file_exists(path);
}

RESULT effect_module(const Agent__KernelModule *m)
{
	const char *argv[PARAMETERS_MAX + 4] = { MODPROBE, "-v", m->name };

	if (is_present(m->name) && m->n_parameters == 0)
		return OK;
	if (!file_exists(MODPROBE))
		return err_new(ERR_UNSUPPORTED,
			"kernel_modules: this guest's image has neither %s nor modprobe", m->name);
	for (size_t i = 0; i < m->n_parameters; i++)
		argv[3 + i] = m->parameters[i];
	return process_run_ok(argv, BYTES_NONE, NULL);
}
