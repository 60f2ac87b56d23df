#include "web.h"

#include "util.h"

#include <signal.h>
#include <stdio.h>

#include <base/clock.h>
#include <crypto/x509.h>
#include <net/http_server.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
	DAY = 24 * 60 * 60
};

/* ---- what it serves ---- */

static const char *or_dash(const char *s)
{
	return s ? s : "-";
}

static void echo(struct http_exchange *x)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);

	buf_printf(&out, "%s %s authorization=%s cookie=%s type=%s agent=%s range=%s body=",
		http_x_method(x), http_x_path(x), or_dash(http_x_header(x, "Authorization")),
		or_dash(http_x_cookie(x, "session")), or_dash(http_x_header(x, "Content-Type")),
		or_dash(http_x_header(x, "User-Agent")), or_dash(http_x_header(x, "Range")));
	buf_put(&out, http_x_body(x));
	http_x_add_header(x, "X-Twice", "one");
	http_x_add_header(x, "X-Twice", "two");
	http_x_answer(x, 200, "text/plain", buf_bytes(&out));
}

static unsigned number(const struct http_exchange *x, const char *name, unsigned otherwise)
{
	const char *text = http_x_query(x, name);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

/* n bytes, each its offset modulo 251 */
static void pattern(struct http_exchange *x)
{
	AUTO(buf_done) struct buf out = BUF_INIT(64 << 20);
	unsigned n = number(x, "n", 0);
	uint8_t *to = buf_grow(&out, n);

	for (unsigned i = 0; to && i < n; i++)
		to[i] = (uint8_t)(i % 251);
	http_x_answer(x, (int)number(x, "status", 200), NULL, buf_bytes(&out));
}

static void redirect(struct http_exchange *x)
{
	http_x_add_header(x, "Location", or_dash(http_x_query(x, "to")));
	http_x_answer(x, (int)number(x, "status", 302), NULL, bytes_str("moved"));
}

static void handle(void *arg, struct http_exchange *x)
{
	const char *path = http_x_path(x);

	(void)arg;
	if (strcmp(path, "/pattern") == 0) {
		pattern(x);
	} else if (strcmp(path, "/redirect") == 0) {
		redirect(x);
	} else if (strcmp(path, "/cookie") == 0) {
		http_x_add_header(x, "Set-Cookie", "session=s-1; Path=/");
		http_x_answer(x, 204, NULL, BYTES_NONE);
	} else if (strcmp(path, "/never") != 0) {
		echo(x);
	}
}

static void serve(struct bytes cert_pem, struct bytes key_pem, int port_fd)
{
	struct http_server *s = NULL;
	struct loop *l = NULL;
	uint16_t port;
	int value;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (failed(loop_new(&l)) || failed(http_server_new(l,
					    &(struct http_server_config){ .address = "127.0.0.1",
						    .cert_pem = cert_pem,
						    .key_pem = key_pem,
						    .handle = handle },
					    &s))) {
		(void)fprintf(stderr, "test server: %s\n", err_text());
		_exit(1);
	}
	port = http_server_port(s);
	if (write(port_fd, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	err_ignore(loop_run(l, &value)); /* killed here */
	_exit(1);
}

struct web web_start(struct bytes cert_pem, struct bytes key_pem)
{
	struct web w = { 0 };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	w.pid = fork();
	assert_true(w.pid >= 0);
	if (w.pid == 0)
		serve(cert_pem, key_pem, fds[1]);
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &w.port, sizeof(w.port)), sizeof(w.port));
	(void)close(fds[0]);
	return w;
}

void web_stop(struct web *w)
{
	if (w->pid <= 0)
		return;
	(void)kill(w->pid, SIGKILL);
	(void)waitpid(w->pid, NULL, 0);
	w->pid = 0;
}

const char *web_url(const struct web *w, const char *scheme, const char *host, const char *path)
{
	static char texts[8][512];
	static unsigned next;
	char *text = texts[next++ % 8];

	(void)snprintf(text, sizeof(texts[0]), "%s://%s:%u%s", scheme, host, w->port, path);
	return text;
}

/* ---- certificates ---- */

void authority_make(struct authority *a, const char *name)
{
	*a = (struct authority){ .pem = BUF_INIT(8192) };
	assert_ok(key_generate(KEY_P256, &a->key));
	assert_ok(x509_make(&(struct x509_make){ .common_name = name,
				    .ca = true,
				    .not_before = clock_now() - 10 * (int64_t)DAY,
				    .not_after = clock_now() + 10 * (int64_t)DAY,
				    .subject_key = a->key,
				    .issuer_key = a->key },
		&a->pem));
}

void authority_done(struct authority *a)
{
	key_free(a->key);
	buf_done(&a->pem);
}

void identity_make(
	struct identity *i, const struct authority *a, const char *name, int64_t not_before)
{
	static const char *const ip[] = { "127.0.0.1", NULL };
	const char *const dns[] = { name, NULL };
	AUTO(key_freep) struct key *key = NULL;
	AUTO(secret_freep) struct secret *pem = NULL;
	AUTO(x509_list_done) struct x509_list issuer = { 0 };

	*i = (struct identity){ .cert = BUF_INIT(8192), .key = BUF_INIT(8192) };
	assert_ok(key_generate(KEY_P256, &key));
	assert_ok(x509_list_parse(buf_bytes(&a->pem), &issuer));
	assert_ok(x509_make(&(struct x509_make){ .common_name = name,
				    .dns = dns,
				    .ip = strcmp(name, "127.0.0.1") == 0 ? ip : NULL,
				    .not_before = not_before,
				    .not_after = not_before + DAY,
				    .subject_key = key,
				    .issuer = issuer.v[0],
				    .issuer_key = a->key },
		&i->cert));
	assert_ok(key_private_pem(key, &pem));
	buf_put(&i->key, secret_bytes(pem));
	assert_ok(buf_end(&i->key, "key"));
}

void identity_done(struct identity *i)
{
	buf_done(&i->cert);
	buf_done(&i->key);
}
