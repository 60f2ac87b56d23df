#include "runtime/host_pin.h"

#include <errno.h>
#include <sched.h>

#include <base/file.h>

enum {
	NAME_MAX_READ = 64
};

_Static_assert(CPU_LIST_MAX <= CPU_SETSIZE, "sched_setaffinity() takes them all");

/* "CPU 3/KVM", "CPU 3/TCG" */
static bool parse_name(const char *name, size_t *ret_vcpu)
{
	size_t v = 0;

	if (!str_starts(name, "CPU ") || name[4] < '0' || name[4] > '9')
		return false;
	for (name += 4; *name >= '0' && *name <= '9' && v < CPU_LIST_MAX; name++)
		v = v * 10 + (size_t)(*name - '0');
	*ret_vcpu = v;
	return *name == '/' && v < CPU_LIST_MAX;
}

static size_t nth(const struct cpu_list *cpus, size_t n)
{
	for (size_t i = 0; i < CPU_LIST_MAX; i++)
		if (cpu_list_has(cpus, i) && n-- == 0)
			return i;
	return 0;
}

static RESULT pin(pid_t thread, size_t vcpu, size_t vcpus, const struct cpu_list *cpus)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu_list_count(cpus) == vcpus)
		CPU_SET(nth(cpus, vcpu), &set);
	else
		for (size_t i = 0; i < CPU_LIST_MAX; i++)
			if (cpu_list_has(cpus, i))
				CPU_SET(i, &set);
	if (sched_setaffinity(thread, sizeof(set), &set) != 0 && errno != ESRCH)
		return err_new(ERR_SYS, "processors of virtual CPU %zu", vcpu);
	return OK;
}

/* False: not one of the virtual processors. */
static bool is_vcpu(const char *tasks, const char *thread, size_t *ret_vcpu)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf name = BUF_INIT(NAME_MAX_READ);

	return thread[0] != '.' && !failed(str_format(&path, "%s/%s/comm", tasks, thread)) &&
	       !failed(file_read(path, &name)) && buf_cstr(&name) &&
	       parse_name(buf_cstr(&name), ret_vcpu);
}

RESULT host_pin_vcpus(pid_t qemu, size_t vcpus, const struct cpu_list *cpus, size_t *ret_pinned)
{
	AUTO(auto_free) char *tasks = NULL;
	AUTO(auto_closedir) DIR *d = NULL;
	size_t n = 0;

	*ret_pinned = 0;
	if (cpu_list_count(cpus) == 0)
		return OK;
	TRY(str_format(&tasks, "/proc/%d/task", (int)qemu));
	d = opendir(tasks);
	if (!d)
		return err_new(ERR_SYS, "threads of process %d", (int)qemu);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a directory stream of our own */
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		uint64_t thread = 0;
		size_t vcpu = 0;

		if (!is_vcpu(tasks, e->d_name, &vcpu) || vcpu >= vcpus)
			continue;
		TRY(str_to_u64(e->d_name, INT32_MAX, "thread", &thread));
		TRY(pin((pid_t)thread, vcpu, vcpus, cpus));
		n++;
	}
	*ret_pinned = n;
	return OK;
}
