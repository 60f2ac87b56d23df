#include "util.h"

#include <spawn.h>

#include <crypto/gpg.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	OUT_MAX = 64 * 1024,
	ARGS_MAX = 24
};

static char home[128];

/* Runs to the end; true when it succeeded. */
static bool run(const char *const *args)
{
	char *argv[ARGS_MAX] = { NULL };
	int status = 0;
	pid_t pid;

	for (size_t i = 0; args[i] && i + 1 < ARGS_MAX; i++)
		argv[i] = (char *)(uintptr_t)args[i];
	return posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0 &&
	       waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* gpg [options] arguments, ended by NULL. */
static bool gpg(const char *first, ...)
{
	const char *args[ARGS_MAX] = { "gpg", "--homedir", home, "--batch", "--yes", "--quiet",
		"--pinentry-mode", "loopback", "--passphrase", "" };
	size_t n = 10;
	va_list ap;

	va_start(ap, first);
	for (const char *a = first; a && n + 1 < ARGS_MAX; a = va_arg(ap, const char *))
		args[n++] = a;
	va_end(ap);
	return run(args);
}

static const char *path(const char *name)
{
	static char paths[8][256];
	static size_t next;
	char *to = paths[next++ % ARRAY_LEN(paths)];

	(void)snprintf(to, sizeof(paths[0]), "%s/%s", test_dir(), name);
	return to;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(path(name), "wbe");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Signs the file "content" as `who`, at a faked time when given. */
static struct buf signed_by(const char *who, const char *when)
{
	const char *out = path("message");

	if (when)
		assert_true(gpg("--faked-system-time", when, "-u", who, "-o", out, "--sign",
			path("content"), NULL));
	else
		assert_true(gpg("-u", who, "-o", out, "--sign", path("content"), NULL));
	return test_file(out);
}

static struct buf ring_of(const char *who, bool armour)
{
	assert_true(
		gpg(armour ? "--armor" : "--no-armor", "-o", path("ring"), "--export", who, NULL));
	return test_file(path("ring"));
}

static int make_home(void **state)
{
	(void)state;
	(void)snprintf(home, sizeof(home), "%s", path("gnupg"));
	assert_int_equal(mkdir(home, 0700), 0);
	write_file("content", "what was signed\n");
	assert_true(gpg("--quick-generate-key", "good@example", "ed25519", "sign", "never", NULL));
	assert_true(gpg("--quick-generate-key", "other@example", "rsa2048", "sign", "never", NULL));
	assert_true(gpg("--faked-system-time", "20200101T000000!", "--quick-generate-key",
		"old@example", "ed25519", "sign", "1d", NULL));
	return 0;
}

static int end_agent(void **state)
{
	(void)state;
	const char *const args[] = { "gpgconf", "--homedir", home, "--kill", "all", NULL };

	(void)run(args);
	return 0;
}

static void test_good(void **state)
{
	(void)state;
	static const char *const who[] = { "good@example", "other@example" };

	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		AUTO(buf_done) struct buf message = signed_by(who[i], NULL);
		AUTO(buf_done) struct buf ring = ring_of(who[i], i == 0);
		AUTO(buf_done) struct buf content = BUF_INIT(OUT_MAX);
		char fpr[41] = "";

		assert_ok(gpg_verify(buf_bytes(&ring), buf_bytes(&message), &content, fpr));
		assert_bytes_equal(buf_bytes(&content), bytes_str("what was signed\n"));
		assert_int_equal(strlen(fpr), 40);
		assert_true(gpg("--list-keys", fpr, NULL));
	}
}

static void test_own_signature(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf ring = ring_of("good@example", false);
	AUTO(buf_done) struct buf message = BUF_INIT(OUT_MAX), content = BUF_INIT(OUT_MAX);
	AUTO(buf_done) struct buf small = BUF_INIT(4);
	char fpr[41] = "";

	assert_ok(gpg_sign(home, "good@example", bytes_str("{\"critical\":{}}"), &message));
	assert_ok(gpg_verify(buf_bytes(&ring), buf_bytes(&message), &content, fpr));
	assert_bytes_equal(buf_bytes(&content), bytes_str("{\"critical\":{}}"));
	assert_err(gpg_verify(buf_bytes(&ring), buf_bytes(&message), &small, fpr), ERR_LIMIT);
	assert_err(gpg_sign(home, "nobody@example", bytes_str("x"), &message), ERR_NOT_FOUND);
	assert_err_text("nobody@example");
}

/* The subkey signs, the primary key is named. */
static void test_subkey(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf message = BUF_INIT(OUT_MAX), content = BUF_INIT(OUT_MAX);
	char fpr[41] = "", again[41] = "";

	assert_true(gpg("--quick-generate-key", "sub@example", "ed25519", "sign", "never", NULL));
	assert_ok(gpg_sign(home, "sub@example", bytes_str("x"), &message));
	AUTO(buf_done) struct buf before = ring_of("sub@example", false);
	assert_ok(gpg_verify(buf_bytes(&before), buf_bytes(&message), &content, fpr));
	assert_true(gpg("--quick-add-key", fpr, "ed25519", "sign", "never", NULL));
	buf_clear(&message);
	assert_ok(gpg_sign(home, "sub@example", bytes_str("y"), &message));
	AUTO(buf_done) struct buf after = ring_of("sub@example", false);
	buf_clear(&content);
	assert_ok(gpg_verify(buf_bytes(&after), buf_bytes(&message), &content, again));
	assert_bytes_equal(buf_bytes(&content), bytes_str("y"));
	assert_string_equal(again, fpr);
	/* gpg prefers the newer subkey, which the older ring does not hold. */
	assert_err(gpg_verify(buf_bytes(&before), buf_bytes(&message), &content, again),
		ERR_UNVERIFIED);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *signer, *when, *ring, *code;
	} bad[] = {
		{ "good@example", NULL, "other@example", "gpg.unknown-key" },
		{ "old@example", "20200101T120000!", "old@example", "gpg.key-expired" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_done) struct buf message = signed_by(bad[i].signer, bad[i].when);
		AUTO(buf_done) struct buf ring = ring_of(bad[i].ring, false);
		AUTO(buf_done) struct buf content = BUF_INIT(OUT_MAX);
		char fpr[41] = "";

		assert_err(gpg_verify(buf_bytes(&ring), buf_bytes(&message), &content, fpr),
			ERR_UNVERIFIED);
		assert_non_null(err_denial());
		assert_string_equal(err_denial()->code, bad[i].code);
		assert_int_equal(content.n, 0);
		assert_string_equal(fpr, "");
	}
}

static void test_revoked(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf message = BUF_INIT(OUT_MAX), content = BUF_INIT(OUT_MAX);
	char fpr[41] = "", name[96];

	assert_true(gpg("--quick-generate-key", "gone@example", "ed25519", "sign", "never", NULL));
	assert_ok(gpg_sign(home, "gone@example", bytes_str("x"), &message));
	AUTO(buf_done) struct buf ring = ring_of("gone@example", false);
	assert_ok(gpg_verify(buf_bytes(&ring), buf_bytes(&message), &content, fpr));
	/* The revocation that gpg prepared has a colon in front, against accidents. */
	(void)snprintf(name, sizeof(name), "gnupg/openpgp-revocs.d/%s.rev", fpr);
	AUTO(buf_done) struct buf prepared = test_file(path(name));
	const char *armour = strstr(buf_cstr(&prepared), ":-----BEGIN");
	assert_non_null(armour);
	write_file("revocation", armour + 1);
	assert_true(gpg("--import", path("revocation"), NULL));
	AUTO(buf_done) struct buf revoked = ring_of("gone@example", false);
	buf_clear(&content);
	assert_err(gpg_verify(buf_bytes(&revoked), buf_bytes(&message), &content, fpr),
		ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "gpg.key-revoked");
	assert_int_equal(content.n, 0);
}

static void test_weak_digest(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf ring = ring_of("other@example", false);
	AUTO(buf_done) struct buf content = BUF_INIT(OUT_MAX);
	char fpr[41];

	assert_true(gpg("--digest-algo", "SHA1", "-u", "other@example", "-o", path("weak"),
		"--sign", path("content"), NULL));
	AUTO(buf_done) struct buf weak = test_file(path("weak"));
	assert_err(gpg_verify(buf_bytes(&ring), buf_bytes(&weak), &content, fpr), ERR_UNVERIFIED);
	assert_int_equal(content.n, 0);
}

static void test_not_one_signature(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf ring = ring_of("good@example", false);
	AUTO(buf_done) struct buf both = BUF_INIT(OUT_MAX), content = BUF_INIT(OUT_MAX);
	char fpr[41];

	AUTO(buf_done) struct buf other = ring_of("other@example", false);
	buf_put(&both, buf_bytes(&ring));
	buf_put(&both, buf_bytes(&other));
	assert_true(gpg("-u", "good@example", "-u", "other@example", "-o", path("two"), "--sign",
		path("content"), NULL));
	AUTO(buf_done) struct buf two = test_file(path("two"));
	assert_err(gpg_verify(buf_bytes(&both), buf_bytes(&two), &content, fpr), ERR_UNVERIFIED);
	assert_err_text("several");
	/* Literal data without any signature; a detached signature; nothing of the kind. */
	assert_true(gpg("-o", path("stored"), "--store", path("content"), NULL));
	AUTO(buf_done) struct buf stored = test_file(path("stored"));
	assert_err(gpg_verify(buf_bytes(&ring), buf_bytes(&stored), &content, fpr), ERR_UNVERIFIED);
	assert_true(gpg("-u", "good@example", "-o", path("detached"), "--detach-sign",
		path("content"), NULL));
	AUTO(buf_done) struct buf detached = test_file(path("detached"));
	assert_err(
		gpg_verify(buf_bytes(&ring), buf_bytes(&detached), &content, fpr), ERR_UNVERIFIED);
	assert_err(gpg_verify(buf_bytes(&ring), bytes_str("hello"), &content, fpr), ERR_UNVERIFIED);
	assert_err(gpg_verify(buf_bytes(&ring), BYTES_NONE, &content, fpr), ERR_UNVERIFIED);
	assert_int_equal(content.n, 0);
}

static void test_bad_rings(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf message = signed_by("good@example", NULL);
	AUTO(buf_done) struct buf content = BUF_INIT(OUT_MAX);
	char fpr[41];

	assert_err(gpg_verify(BYTES_NONE, buf_bytes(&message), &content, fpr), ERR_FORMAT);
	assert_err_text("no key in it");
	assert_err(gpg_verify(bytes_str("hello"), buf_bytes(&message), &content, fpr), ERR_FORMAT);
}

/* Each costs a few processes, so some bytes of each part of the message are flipped. */
static void test_flips(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf ring = ring_of("good@example", false);
	AUTO(buf_done) struct buf message = BUF_INIT(OUT_MAX);

	size_t refused = 0, flipped = 0;

	assert_ok(gpg_sign(home, "good@example", bytes_str("content"), &message));
	for (size_t i = 0; i < message.n; i += 7) {
		AUTO(buf_done) struct buf content = BUF_INIT(OUT_MAX);
		char fpr[41];

		message.p[i] ^= 0x40;
		struct err e = gpg_verify(buf_bytes(&ring), buf_bytes(&message), &content, fpr);
		message.p[i] ^= 0x40;
		/* A name or hint outside the signature may change; the content may not. */
		flipped++;
		if (!failed(e)) {
			assert_bytes_equal(buf_bytes(&content), bytes_str("content"));
			continue;
		}
		assert_int_equal(content.n, 0);
		refused++;
	}
	print_message("  %zu of %zu refused\n", refused, flipped);
	assert_true(refused > flipped / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_own_signature),
		cmocka_unit_test(test_subkey),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_weak_digest),
		cmocka_unit_test(test_not_one_signature),
		cmocka_unit_test(test_bad_rings),
		cmocka_unit_test(test_flips),
	};

	return cmocka_run_group_tests(tests, make_home, end_agent);
}
