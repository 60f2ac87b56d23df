#include "requests.h"

#include <base/file.h>
#include <base/process.h>

#define MODPROBE "/sbin/modprobe"

enum {
	PARAMETERS_MAX = 32
};

RESULT modules_check(const Agent__KernelModule *m)
{
	size_t n = strlen(m->name);

	if (n == 0 || n > 56 || m->n_parameters > PARAMETERS_MAX)
		return err_new(ERR_FORMAT, "kernel_modules: name or number of parameters");
	for (size_t i = 0; i < n; i++)
		if (!((m->name[i] >= 'a' && m->name[i] <= 'z') ||
			    (m->name[i] >= 'A' && m->name[i] <= 'Z') ||
			    (m->name[i] >= '0' && m->name[i] <= '9') || m->name[i] == '_' ||
			    (m->name[i] == '-' && i > 0)))
			return err_new(ERR_FORMAT, "kernel_modules: character %zu of a name", i);
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
