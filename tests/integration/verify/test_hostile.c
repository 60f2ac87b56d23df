/*
 * Files of the largest size that is read, each the worst of its form: `sealpod verify` and
 * `sealpod inspect` say what is wrong with them, within 64 MiB and a minute.
 */
#include "util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/encode.h>
#include <base/file.h>
#include <base/random.h>
#include <crypto/der.h>
#include <crypto/x509.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tee/eventlog.h>

enum {
	FILE_SIZE = 4 * 1024 * 1024,
	MEMORY_MAX_KIB = 64 * 1024,
	SECONDS_MAX = 60,
	NOW = 1767225600,
	DAY = 86400,
};

/* ---- what is in the files ---- */

static void repeat(struct buf *f, const char *unit)
{
	while (f->n + strlen(unit) <= FILE_SIZE)
		buf_puts(f, unit);
}

static void repeat_byte(struct buf *f, uint8_t v)
{
	while (f->n < FILE_SIZE)
		buf_u8(f, v);
}

static void enclosed(struct buf *f, const char *before, const char *unit, const char *after)
{
	size_t n = (FILE_SIZE - strlen(before) - strlen(after)) / strlen(unit);

	buf_puts(f, before);
	for (size_t i = 0; i < n; i++)
		buf_puts(f, unit);
	buf_puts(f, after);
}

static void json_nested(struct buf *f)
{
	repeat(f, "[");
}

static void json_numbers(struct buf *f)
{
	enclosed(f, "{\"quote\":[", "1,", "1]}");
}

static void json_strings(struct buf *f)
{
	enclosed(f, "[", "\"\",", "1]");
}

static void json_objects(struct buf *f)
{
	enclosed(f, "{\"tcbInfo\":{\"id\":\"TDX\",\"version\":3,\"tcbLevels\":[", "{\"tcb\":{}},",
		"{}]},\"signature\":\"00\"}");
}

static void json_members(struct buf *f)
{
	buf_puts(f, "{");
	for (unsigned i = 0; f->n < FILE_SIZE - 32; i++)
		buf_printf(f, "\"%x\":1,", i);
	buf_puts(f, "\"\":1}");
}

/* What takes most memory of what is let through: a few hundred kilobytes are enough. */
static void json_most_objects(struct buf *f)
{
	buf_puts(f, "{\"quote\":[1");
	for (unsigned i = 0; i < 39990; i++)
		buf_puts(f, ",{}");
	for (unsigned i = 0; i < 59990; i++)
		buf_puts(f, ",[]");
	buf_puts(f, "]}");
}

static void json_most_members(struct buf *f)
{
	buf_puts(f, "{\"quote\":[1");
	for (unsigned i = 0; i < 33000; i++)
		buf_puts(f, ",{\"a\":\"\",\"b\":1}");
	buf_puts(f, "]}");
}

static void json_long_string(struct buf *f)
{
	enclosed(f, "{\"quote\":\"", "a", "\"}");
}

static void json_escapes(struct buf *f)
{
	enclosed(f, "{\"svn\":\"1\",\"report\":\"", "\\u0041", "\"}");
}

/* Text of text of text. */
static void hex_of_hex(struct buf *f)
{
	repeat(f, "33");
}

static void base64_of_base64(struct buf *f)
{
	AUTO(buf_done) struct buf inner = BUF_INIT(FILE_SIZE);

	enclosed(&inner, "", "MDAwMDAw", "");
	base64_encode(BASE64_STD, bytes_of(inner.p, FILE_SIZE / 4 * 3), f);
}

static void zeroes(struct buf *f)
{
	repeat_byte(f, 0);
}

static void ones(struct buf *f)
{
	repeat_byte(f, 0xff);
}

static void noise(struct buf *f)
{
	uint8_t block[4096];

	while (f->n < FILE_SIZE) {
		assert_ok(random_fill(block, sizeof(block)));
		buf_put(f, BYTES_OF(block));
	}
}

static void der_long(struct buf *f)
{
	buf_put(f, bytes_of("\x30\x84\xff\xff\xff\xff", 6));
	repeat_byte(f, 0);
}

static void der_empty_ones(struct buf *f)
{
	repeat(f, "\x30\x05\x02\x01\x01\x05");
}

static void der_nested(struct buf *f)
{
	for (size_t left = FILE_SIZE - 5; left > 5; left -= 5) {
		buf_put(f, bytes_of("\x30\x83", 2));
		buf_u8(f, left >> 16);
		buf_be16(f, left & 0xffff);
	}
}

static struct x509 *certificate(struct key **ret_key)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(FILE_SIZE);
	struct x509_list made = { 0 };

	assert_ok(key_generate(KEY_P256, ret_key));
	assert_ok(x509_make(&(struct x509_make){ .common_name = "x",
				    .not_before = NOW - DAY,
				    .not_after = NOW + DAY,
				    .subject_key = *ret_key,
				    .issuer_key = *ret_key },
		&pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), &made));
	return made.v[0];
}

/* The same certificate with another serial number each time. */
static void certificates(struct buf *f, void (*put)(struct bytes der, struct buf *f))
{
	enum {
		SERIAL = 4 + 4 + 5 + 2 + 4 /* behind two SEQUENCEs, the version and the tag */
	};
	AUTO(key_freep) struct key *key = NULL;
	AUTO(x509_freep) struct x509 *cert = certificate(&key);
	AUTO(buf_done) struct buf der = BUF_INIT(FILE_SIZE);

	assert_ok(x509_der(cert, &der));
	for (uint32_t i = 0; f->n < FILE_SIZE - 2 * der.n; i++) {
		for (unsigned b = 0; b < 4; b++)
			der.p[SERIAL + b] = (uint8_t)(i >> 8 * b);
		put(buf_bytes(&der), f);
	}
}

static void put_pem(struct bytes der, struct buf *f)
{
	buf_puts(f, "-----BEGIN CERTIFICATE-----\n");
	base64_encode(BASE64_STD, der, f);
	buf_puts(f, "\n-----END CERTIFICATE-----\n");
}

static void put_der(struct bytes der, struct buf *f)
{
	buf_put(f, der);
}

static void certificates_pem(struct buf *f)
{
	certificates(f, put_pem);
}

static void certificates_der(struct buf *f)
{
	certificates(f, put_der);
}

static void pem_begins(struct buf *f)
{
	repeat(f, "-----BEGIN CERTIFICATE-----\n");
}

static void pem_empty_ones(struct buf *f)
{
	repeat(f, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
}

static void put_element(struct buf *f, uint8_t tag, struct bytes contents)
{
	buf_u8(f, tag);
	buf_u8(f, 0x83);
	buf_u8(f, contents.n >> 16);
	buf_be16(f, contents.n & 0xffff);
	buf_put(f, contents);
}

#define ECDSA_SHA256 "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define DATE                                                                                       \
	"\x17\x0d"                                                                                 \
	"260101000000Z"

/* A list of as many certificates as fit `size`. */
static void crl(struct buf *f, size_t size)
{
	AUTO(buf_done) struct buf entries = BUF_INIT(FILE_SIZE), tbs = BUF_INIT(FILE_SIZE);
	AUTO(buf_done) struct buf all = BUF_INIT(FILE_SIZE);

	for (uint32_t i = 0; entries.n < size - 128; i++) {
		buf_puts(&entries, "\x30\x14\x02\x03\x10");
		buf_be16(&entries, i & 0xffff);
		buf_puts(&entries, DATE);
	}
	buf_puts(&tbs, "\x02\x01\x01" ECDSA_SHA256 "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03"
		       "\x0c\x01x" DATE DATE);
	put_element(&tbs, DER_SEQUENCE, buf_bytes(&entries));
	put_element(&all, DER_SEQUENCE, buf_bytes(&tbs));
	buf_puts(&all, ECDSA_SHA256);
	buf_put(&all, bytes_of("\x03\x09\x00\x30\x06\x02\x01\x01\x02\x01\x01", 11));
	put_element(f, DER_SEQUENCE, buf_bytes(&all));
}

static void crl_whole_file(struct buf *f)
{
	crl(f, FILE_SIZE - 64);
}

static void crl_largest_read(struct buf *f)
{
	crl(f, FILE_SIZE / 2 - 64);
}

static void cbor_nested(struct buf *f)
{
	buf_put(f, bytes_of("\xd2\x84", 2));
	repeat_byte(f, 0x81);
}

static void cbor_wide(struct buf *f)
{
	buf_put(f, bytes_of("\xd9\x01\x8f\x9a\x00\x3f\xff\xf0", 8));
	repeat_byte(f, 0);
}

static void token(struct buf *f)
{
	enclosed(f, "eyJhbGciOiJFUzI1NiJ9.eyJ", "A", ".AAAA");
}

/* Events without data and one digest each, as many as there is room for. */
static void event_log(struct buf *f, size_t size)
{
	static const uint8_t digest[32] = { 1 };

	buf_le32(f, 0);
	buf_le32(f, EV_NO_ACTION);
	buf_put(f, bytes_of(digest + 1, 20));
	buf_le32(f, 33);
	buf_put(f, bytes_of("Spec ID Event03", 16));
	buf_le32(f, 0);
	buf_put(f, bytes_of("\x00\x02\x00\x02", 4));
	buf_le32(f, 1);
	buf_le16(f, 0x000b);
	buf_le16(f, sizeof(digest));
	buf_u8(f, 0);
	while (f->n + 50 <= size) {
		buf_le32(f, 1);
		buf_le32(f, EV_ACTION);
		buf_le32(f, 1);
		buf_le16(f, 0x000b);
		buf_put(f, BYTES_OF(digest));
		buf_le32(f, 0);
	}
}

static void event_log_whole_file(struct buf *f)
{
	event_log(f, FILE_SIZE);
}

static void event_log_largest_read(struct buf *f)
{
	event_log(f, (size_t)50 * EVENTLOG_EVENTS_MAX);
}

static void event_log_legacy(struct buf *f)
{
	while (f->n + 32 <= FILE_SIZE) {
		buf_le32(f, 1);
		buf_le32(f, 8);
		buf_put(f, bytes_of((const uint8_t[20]){ 1 }, 20));
		buf_le32(f, 0);
	}
}

/* A report with as much behind it as may be, a quote whose certificates fill the file. */
static void snp_report(struct buf *f)
{
	buf_le32(f, 3);
	buf_put(f, bytes_of((const uint8_t[0x30]){ 0 }, 0x30));
	buf_le32(f, 1);
	repeat_byte(f, 0);
}

static void tdx_quote(struct buf *f)
{
	buf_le16(f, 4);
	buf_le16(f, 2);
	buf_le32(f, 0x81);
	repeat_byte(f, 0x41);
}

static void toml(struct buf *f)
{
	repeat(f, "[[a]]\nb = 1\n");
}

/* ---- running ---- */

static const struct {
	const char *name;
	void (*make)(struct buf *f);
} files[] = {
	{ "json-nested", json_nested },
	{ "json-numbers", json_numbers },
	{ "json-strings", json_strings },
	{ "json-objects", json_objects },
	{ "json-members", json_members },
	{ "json-most-objects", json_most_objects },
	{ "json-most-members", json_most_members },
	{ "json-long-string", json_long_string },
	{ "json-escapes", json_escapes },
	{ "hex-of-hex", hex_of_hex },
	{ "base64-of-base64", base64_of_base64 },
	{ "zeroes", zeroes },
	{ "ones", ones },
	{ "noise", noise },
	{ "der-long", der_long },
	{ "der-empty-ones", der_empty_ones },
	{ "der-nested", der_nested },
	{ "certificates-pem", certificates_pem },
	{ "certificates-der", certificates_der },
	{ "pem-begins", pem_begins },
	{ "pem-empty-ones", pem_empty_ones },
	{ "crl-whole-file", crl_whole_file },
	{ "crl-largest-read", crl_largest_read },
	{ "cbor-nested", cbor_nested },
	{ "cbor-wide", cbor_wide },
	{ "token", token },
	{ "event-log-whole-file", event_log_whole_file },
	{ "event-log-largest-read", event_log_largest_read },
	{ "event-log-legacy", event_log_legacy },
	{ "snp-report", snp_report },
	{ "tdx-quote", tdx_quote },
	{ "toml", toml },
};

struct outcome {
	int status;
	long kib;
};

static void start(const char *const *argv)
{
	/* What the sanitizer keeps of freed memory, and around each piece, is not the program's. */
	(void)setenv("ASAN_OPTIONS",
		"quarantine_size_mb=0:thread_local_quarantine_size_kb=0:redzone=16:"
		"malloc_context_size=0",
		1);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(125);
	(void)alarm(SECONDS_MAX);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(126);
}

/* Children inherit the parent's peak as theirs, so that files are made by others (write_file). */
static struct outcome run(const char *const *argv)
{
	struct rusage used;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		start(argv);
	assert_int_equal(wait4(pid, &status, 0, &used), pid);
	return (struct outcome){
		.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		.kib = used.ru_maxrss,
	};
}

static void write_file(const char *path, void (*make)(struct buf *f))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct buf f = BUF_INIT(FILE_SIZE + 64);
		make(&f);
		if (f.n > FILE_SIZE)
			f.n = FILE_SIZE;
		_exit(failed(buf_end(&f, "file")) ||
			failed(file_write_atomic(path, buf_bytes(&f), 0600)));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void check(const char *name, const char *how, const char *const *argv, long idle_kib)
{
	struct outcome o = run(argv);

	if (o.status != 0 && o.status != 1 && o.status != 3)
		fail_msg("%s %s: exit status %d", how, name, o.status);
	if (o.kib - idle_kib > MEMORY_MAX_KIB)
		fail_msg("%s %s: %ld KiB", how, name, o.kib - idle_kib);
}

static void test_files(void **state)
{
	AUTO(auto_free) char *sealpod = NULL, *path = NULL, *small = NULL;
	const char *bin = getenv("SEALPOD_BIN");

	(void)state;
	assert_non_null(bin);
	assert_ok(path_join(bin, "sealpod", &sealpod));
	assert_ok(path_join(test_dir(), "hostile", &path));
	assert_ok(path_join(test_dir(), "small", &small));
	assert_ok(file_write_atomic(small, BYTES_OF(((const uint8_t[]){ 0x30, 0x00 })), 0600));
	long idle = run((const char *const[]){ sealpod, "--version", NULL }).kib;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *n = files[i].name;
		write_file(path, files[i].make);
		check(n, "inspect", (const char *const[]){ sealpod, "inspect", path, NULL }, idle);
		check(n, "inspect --json",
			(const char *const[]){ sealpod, "--json", "inspect", path, NULL }, idle);
		check(n, "verify",
			(const char *const[]){
				sealpod, "verify", "auto", "--evidence", path, NULL },
			idle);
		check(n, "verify --collateral",
			(const char *const[]){ sealpod, "verify", "auto", "--evidence", small,
				"--collateral", path, NULL },
			idle);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
