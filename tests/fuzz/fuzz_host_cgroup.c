/* linux.cgroupsPath and lists of processors: what engines write. */
#include <stdlib.h>

#include <runtime/host_cgroup.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *text)
{
	const struct host_cgroup_spec spec = { .path = text, .id = "p" };
	AUTO(auto_free) char *path = NULL;

	if (failed(host_cgroup_path(&spec, &path)))
		return;
	/* Whatever was accepted stays below the root. */
	if (path[0] == '/' || path[0] == '\0' || strstr(path, "/../") || str_starts(path, "../") ||
		str_ends(path, "/..") || str_equal(path, ".."))
		abort();
}

static void check_list(const char *text)
{
	AUTO(buf_done) struct buf out = BUF_INIT(64 * 1024);
	struct cpu_list l, again;

	if (failed(cpu_list_parse(text, "cpus", &l)))
		return;
	cpu_list_print(&l, &out);
	if (!buf_cstr(&out) || failed(cpu_list_parse(buf_cstr(&out), "cpus", &again)) ||
		cpu_list_count(&l) != cpu_list_count(&again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(auto_free) char *text = NULL;

	if (failed(bytes_to_str(bytes_of(data, size), &text)))
		return 0;
	check_path(text);
	check_list(text);
	return 0;
}
