/* Users of the pod's own, and what QEMU is handed open. */
#include "util.h"
#include "vm_files.h"
#include "vm_user.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include <base/file.h>
#include <runtime/vm.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *users_dir(const char *name)
{
	char *dir = NULL;

	assert_ok(path_join(test_dir(), name, &dir));
	return dir;
}

static size_t count(const char *dir)
{
	AUTO(auto_closedir) DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	return n;
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool change;
		uid_t qemu, tpm;
	} cases[] = {
		{ "root", false, 0, 0 },
		{ "daemon", true, 1, 1 },
		{ "nobody", true, 65534, 65534 },
	};
	AUTO(auto_free) char *dir = users_dir("names");
	struct vm_users u;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ok(vm_users_find(cases[i].name, dir, &u));
		assert_int_equal(u.change, cases[i].change);
		assert_int_equal(u.qemu.uid, cases[i].qemu);
		assert_int_equal(u.tpm.uid, cases[i].tpm);
		assert_int_equal(u.lock_fd, -1);
	}
	assert_err(vm_users_find("no-such-user", dir, &u), ERR_NOT_FOUND);
	assert_err_text("qemu_user \"no-such-user\"");
	assert_ok(vm_users_find(NULL, dir, &u));
	assert_int_equal(u.change, geteuid() == 0);
	vm_users_done(&u);
}

static void test_own(void **state)
{
	enum {
		PODS = 40
	};
	AUTO(auto_free) char *dir = users_dir("own");
	struct vm_users u[PODS];

	(void)state;
	for (size_t i = 0; i < PODS; i++) {
		assert_ok(vm_users_find("random", dir, &u[i]));
		assert_true(u[i].change && u[i].lock_fd >= 0);
		assert_true(u[i].qemu.uid >= VM_USER_FIRST && u[i].tpm.uid <= VM_USER_LAST);
		assert_int_equal(u[i].tpm.uid, u[i].qemu.uid + 1);
		assert_int_equal(u[i].qemu.gid, u[i].qemu.uid);
		assert_int_equal(u[i].qemu.n_groups, 0);
		for (size_t j = 0; j < i; j++)
			assert_true(u[j].qemu.uid != u[i].qemu.uid);
	}
	vm_users_tidy(dir); /* all are in use */
	assert_int_equal(count(dir), PODS);
	for (size_t i = 0; i < PODS; i++)
		vm_users_done(&u[i]);
	vm_users_tidy(dir);
	assert_int_equal(count(dir), 0);
}

/* The owner goes, its machine stays a moment: only when that has ended too are the numbers free. */
static void test_killed_owner(void **state)
{
	AUTO(auto_free) char *dir = users_dir("killed");
	AUTO(process_end) struct process machine = PROCESS_NONE;
	static const char *const argv[] = { "sleep", "100", NULL };
	int status = 0;

	(void)state;
	pid_t owner = fork();
	assert_true(owner >= 0);
	if (owner == 0) {
		struct vm_users u;

		if (failed(vm_users_find("random", dir, &u)))
			_exit(1);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(owner, &status, 0), owner);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(count(dir), 1);
	vm_users_tidy(dir);
	assert_int_equal(count(dir), 0);

	struct vm_users u;
	assert_ok(vm_users_find("random", dir, &u));
	const struct process_spec spec = { .argv = argv,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.keep_fds = { u.lock_fd },
		.n_keep_fds = 1 };
	assert_ok(process_start(&spec, &machine));
	vm_users_done(&u);
	vm_users_tidy(dir);
	assert_int_equal(count(dir), 1);
	process_end(&machine);
	machine = PROCESS_NONE;
	vm_users_tidy(dir);
	assert_int_equal(count(dir), 0);
}

/* What else lies there is nobody's number and stays. */
static void test_tidy(void **state)
{
	AUTO(auto_free) char *dir = users_dir("tidy");
	AUTO(auto_free) char *other = NULL;

	(void)state;
	vm_users_tidy(dir); /* not there: nothing to do */
	assert_ok(dir_make(dir, 0700));
	assert_ok(path_join(dir, "other", &other));
	assert_ok(file_write_atomic(other, bytes_str("x"), 0600));
	vm_users_tidy(dir);
	assert_int_equal(count(dir), 1);
}

static void test_may_open(void **state)
{
	static const struct {
		mode_t mode;
		gid_t group;
		bool may;
		size_t groups;
	} cases[] = {
		{ 0666, 0, true, 0 },
		{ 0660, 0, false, 0 }, /* root's group is not given away */
		{ 0660, 77, true, 1 },
		{ 0640, 77, false, 0 },
		{ 0600, 77, false, 0 },
		{ 0606, 77, true, 0 },
	};
	AUTO(auto_free) char *path = users_dir("device");

	(void)state;
	if (getuid() != 0)
		skip();
	assert_ok(file_write_atomic(path, bytes_str(""), 0600));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct process_user u = { .uid = VM_USER_FIRST, .gid = VM_USER_FIRST };

		assert_int_equal(chown(path, 0, cases[i].group), 0);
		assert_int_equal(chmod(path, cases[i].mode), 0);
		assert_int_equal(vm_user_may_open(path, &u), cases[i].may);
		assert_int_equal(u.n_groups, cases[i].groups);
		if (u.n_groups)
			assert_int_equal(u.groups[0], cases[i].group);
	}
	struct process_user owner = { .uid = 0 };
	assert_int_equal(chmod(path, 0600), 0);
	assert_true(vm_user_may_open(path, &owner));
	assert_true(vm_user_may_open("/no/such/device", &owner));
}

static const char *make_file(const char *name, mode_t mode)
{
	char *path = NULL;

	assert_ok(path_join(test_dir(), name, &path));
	assert_ok(file_write_atomic(path, bytes_str("content"), mode));
	return path;
}

/* Read by name, as another user, below a directory that only this one may enter. */
static void check_reads(const struct vm_files *f, const char *name)
{
	const char *const argv[] = { "cat", name, NULL };
	const struct process_user user = { .uid = VM_USER_FIRST, .gid = VM_USER_FIRST };
	AUTO(process_end) struct process p = PROCESS_NONE;
	AUTO(buf_done) struct buf said = BUF_INIT(64);
	int out[2], status = -1;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	AUTO(auto_close) int from = out[0];
	struct process_spec spec = { .argv = argv,
		.stdin_fd = -1,
		.stdout_fd = out[1],
		.stderr_fd = -1,
		.n_keep_fds = f->n,
		.no_new_privs = true,
		.user = geteuid() == 0 ? &user : NULL };
	memcpy(spec.keep_fds, f->fds, sizeof(spec.keep_fds));
	assert_ok(process_start(&spec, &p));
	assert_int_equal(close(out[1]), 0);
	assert_ok(file_read_fd(from, "pipe", &said));
	assert_ok(process_wait(&p, 10000, &status));
	assert_int_equal(status, 0);
	assert_string_equal(buf_cstr(&said), "content");
}

static void test_paths(void **state)
{
	static const mode_t modes[] = { 0644, 0600, 0640, 0604 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		AUTO(vm_files_done) struct vm_files f = { 0 };
		const char *made = make_file("kernel", modes[i]), *name = made;
		int number = 0;

		assert_ok(vm_files_add(&f, open("/dev/null", O_RDONLY | O_CLOEXEC), &number));
		assert_int_equal(number, VM_FD_AGENT);
		assert_ok(vm_files_add_path(&f, &name));
		assert_string_equal(name, "/proc/self/fd/4");
		assert_int_equal(f.options.n, 0);
		check_reads(&f, name);
		free((void *)(uintptr_t)made);
	}
}

static void test_disks(void **state)
{
	AUTO(vm_files_done) struct vm_files f = { 0 };
	const char *made = make_file("disk", 0600), *one = made, *two = made, *none = NULL;

	(void)state;
	assert_ok(vm_files_add_disk(&f, &one, false));
	assert_ok(vm_files_add_disk(&f, &two, true));
	assert_ok(vm_files_add_disk(&f, &none, true));
	assert_ok(vm_files_add_path(&f, &none));
	assert_null(none);
	assert_string_equal(one, "/dev/fdset/3");
	assert_string_equal(two, "/dev/fdset/4");
	assert_int_equal(f.options.n, 6);
	assert_string_equal(f.options.v[1], "fd=3,set=3");
	assert_string_equal(f.options.v[3], "fd=4,set=4");
	assert_string_equal(f.options.v[5], "fd=5,set=4");
	free((void *)(uintptr_t)made);
}

static void test_refused(void **state)
{
	AUTO(vm_files_done) struct vm_files f = { 0 };
	const char *path = "/no/such/file";
	int number = 0;

	(void)state;
	assert_err(vm_files_add_path(&f, &path), ERR_SYS);
	assert_err_text("/no/such/file");
	assert_err(vm_files_add_disk(&f, &path, true), ERR_SYS);
	path = "/dev/null";
	assert_err(vm_files_add_path(&f, &path), ERR_FORMAT);
	assert_err_text("/dev/null is no regular file");
	assert_int_equal(f.n, 0);
	while (f.n < PROCESS_KEEP_FDS_MAX)
		assert_ok(vm_files_add(&f, open("/dev/null", O_RDONLY | O_CLOEXEC), &number));
	int more = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_err(vm_files_add(&f, more, &number), ERR_LIMIT);
	assert_int_equal(fcntl(more, F_GETFD), -1); /* taken all the same */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_killed_owner),
		cmocka_unit_test(test_tidy),
		cmocka_unit_test(test_may_open),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
