/* The authority of this host's software TPMs, and a TPM made with it. */
#include "util.h"

#include <stdio.h>

#include <base/clock.h>
#include <base/file.h>
#include <crypto/x509.h>
#include <runtime/tpm.h>
#include <sys/stat.h>

static char *in(const char *dir, const char *name)
{
	char *path = NULL;

	assert_ok(path_join(dir, name, &path));
	return path;
}

static void test_authority(void **state)
{
	AUTO(auto_free) char *dir = in(test_dir(), "ca");
	AUTO(auto_free) char *key = in(dir, "signkey.pem");
	AUTO(auto_free) char *conf = in(dir, "swtpm_setup.conf");
	AUTO(buf_done) struct buf first = BUF_INIT(65536);
	AUTO(buf_done) struct buf again = BUF_INIT(65536);
	AUTO(x509_list_done) struct x509_list list = { 0 };
	struct stat st;

	(void)state;
	assert_ok(tpm_ca_certificates(dir, &first));
	assert_ok(tpm_ca_certificates(dir, &again)); /* made once */
	assert_bytes_equal(buf_bytes(&first), buf_bytes(&again));
	assert_ok(x509_list_parse(buf_bytes(&first), &list));
	assert_int_equal(list.n, 1);
	assert_true(x509_not_before(list.v[0]) < clock_now());
	assert_true(x509_not_after(list.v[0]) > clock_now());
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	struct buf text = test_file(conf);
	assert_non_null(strstr(buf_cstr(&text), "create_certs_tool_config = /"));
	buf_done(&text);
}

static void test_manufacture(void **state)
{
	AUTO(auto_free) char *ca = in(test_dir(), "ca");
	AUTO(auto_free) char *tpm = in(test_dir(), "tpm");
	AUTO(auto_free) char *log = in(test_dir(), "log");
	AUTO(auto_free) char *permanent = in(tpm, "tpm2-00.permall");
	AUTO(process_end) struct process swtpm = PROCESS_NONE;
	int control = -1, status = -1;

	(void)state;
	if (!file_exists("/usr/bin/swtpm_setup"))
		skip();
	assert_ok(tpm_ca_prepare(ca));
	assert_ok(dir_make(tpm, 0700));
	assert_ok(tpm_manufacture(ca, tpm, log));
	assert_true(file_exists(permanent));
	const struct tpm_start t = { .state_dir = tpm, .log_fd = -1, .keep_fd = -1 };
	assert_ok(tpm_start(&t, &swtpm, &control));
	assert_err(process_wait(&swtpm, 50, &status), ERR_TIMEOUT);
	assert_int_equal(close(control), 0);
}

/* Another user's swtpm works on its state below a directory that this user may not enter. */
static void test_own_user(void **state)
{
	static const struct process_user user = { .uid = 0x70000001, .gid = 0x70000001 };
	AUTO(auto_free) char *tpm = in(test_dir(), "tpm");
	AUTO(auto_free) char *permanent = in(tpm, "tpm2-00.permall");
	AUTO(process_end) struct process swtpm = PROCESS_NONE;
	AUTO(auto_close) int control = -1;
	/* CMD_GET_CAPABILITY; the answer's first word is the result. (swtpm, tpm_ioctl.h) */
	uint8_t get_capability[4] = { 0, 0, 0, 1 }, answer[16] = { 1, 1, 1, 1 };
	const struct tpm_start t = { .state_dir = tpm, .log_fd = -1, .user = &user, .keep_fd = -1 };
	struct stat st;

	(void)state;
	if (!file_exists(permanent) || getuid() != 0)
		skip();
	assert_int_equal(chmod(test_dir(), 0700), 0);
	assert_ok(tpm_start(&t, &swtpm, &control));
	assert_int_equal(stat(permanent, &st), 0);
	assert_int_equal(st.st_uid, user.uid);
	assert_ok(fd_write_all(control, BYTES_OF(get_capability)));
	assert_true(read(control, answer, sizeof(answer)) >= 4);
	assert_bytes_equal(bytes_of(answer, 4), bytes_of((const uint8_t[4]){ 0 }, 4));
}

static void test_manufacture_fails(void **state)
{
	AUTO(auto_free) char *ca = in(test_dir(), "ca");
	AUTO(auto_free) char *log = in(test_dir(), "log2");

	(void)state;
	if (!file_exists("/usr/bin/swtpm_setup"))
		skip();
	assert_ok(tpm_ca_prepare(ca));
	assert_err(tpm_manufacture(ca, "/nonexistent/tpm", log), ERR_PEER);
	assert_err_text("swtpm_setup ended with status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authority),
		cmocka_unit_test(test_manufacture),
		cmocka_unit_test(test_own_user),
		cmocka_unit_test(test_manufacture_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
