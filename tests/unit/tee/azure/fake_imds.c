#include "fake_azure.h"
#include "util.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <base/encode.h>
#include <net/http_server.h>
#include <sys/prctl.h>

enum {
	TEXT_MAX = 256 * 1024,
	TDREPORT_DATA_AT = 128,
	BUSY_TIMES = 2,
};

struct service {
	struct fake_azure_shared *shared;
	struct azure_gen *g;
};

static void answer(struct http_exchange *x, int status, const struct buf *body)
{
	http_x_answer(x, status, "application/json", buf_bytes(body));
}

static void answer_text(struct http_exchange *x, int status, const char *text)
{
	http_x_answer(x, status, NULL, bytes_str(text));
}

static struct json_writer object(struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	return w;
}

static void answer_amd(struct service *s, struct http_exchange *x)
{
	AUTO(buf_done) struct buf der = BUF_INIT(TEXT_MAX), pem = BUF_INIT(TEXT_MAX);
	AUTO(buf_done) struct buf body = BUF_INIT(TEXT_MAX);
	struct json_writer w = object(&body);

	assert_ok(x509_der(s->g->snp.vek, &der));
	buf_puts(&pem, "-----BEGIN CERTIFICATE-----\n");
	base64_encode(BASE64_STD, buf_bytes(&der), &pem);
	buf_puts(&pem, "\n-----END CERTIFICATE-----\n");
	jw_key(&w, "vcekCert");
	jw_bytes_str(&w, buf_bytes(&pem));
	jw_kstr(&w, "tcbm", "0000000000000000");
	jw_kstr(&w, "certificateChain", "");
	jw_object_end(&w);
	answer(x, 200, &body);
}

static void put_numbers(const struct service *s, struct buf *out, struct json_writer *w)
{
	jw_key(w, "quote");
	if (s->shared->manner == IMDS_OTHER_ALPHABET)
		jw_base64(w, buf_bytes(out));
	else
		jw_base64url(w, buf_bytes(out));
}

/* Only what a TDREPORT says of itself is quoted. */
static void answer_intel(struct service *s, struct http_exchange *x)
{
	enum base64_kind kind =
		s->shared->manner == IMDS_OTHER_ALPHABET ? BASE64_STD : BASE64_URL_NO_PAD;
	AUTO(buf_done) struct buf report = BUF_INIT(TEXT_MAX), quote = BUF_INIT(TEXT_MAX);
	AUTO(buf_done) struct buf body = BUF_INIT(TEXT_MAX);
	AUTO(json_freep) struct json *j = NULL;
	struct json_writer w = object(&body);
	const char *text;

	if (failed(json_parse(http_x_body(x), &j)) ||
		failed(json_need_string(j, "report", &text)) ||
		failed(base64_decode(kind, bytes_str(text), "report", &report)) ||
		report.n != 1024) {
		answer_text(x, 400, "report: no TDREPORT");
		return;
	}
	memcpy(s->g->td.td.report_data, report.p + TDREPORT_DATA_AT, 64);
	tdx_gen_quote_make(&s->g->intel, &s->g->td, &quote);
	put_numbers(s, &quote, &w);
	jw_object_end(&w);
	answer(x, 200, &body);
}

static void answer_good(struct service *s, struct http_exchange *x)
{
	const char *path = http_x_path(x), *metadata = http_x_header(x, "Metadata");
	bool get = str_equal(http_x_method(x), "GET");

	if (str_equal(path, "/acc/tdquote") && !get && s->g->tdx)
		answer_intel(s, x);
	else if (str_equal(path, "/metadata/THIM/amd/certification") && get && !s->g->tdx &&
		 metadata && str_equal(metadata, "true"))
		answer_amd(s, x);
	else
		answer_text(x, 404, "no such endpoint");
}

static void handle(void *arg, struct http_exchange *x)
{
	struct service *s = arg;

	s->shared->hits++;
	switch (s->shared->manner) {
	case IMDS_BUSY:
		if (s->shared->hits > BUSY_TIMES)
			answer_good(s, x);
		else
			answer_text(x, 503, "busy");
		break;
	case IMDS_BROKEN:
		answer_text(x, 500, "internal error");
		break;
	case IMDS_GONE:
		answer_text(x, 404, "gone");
		break;
	case IMDS_SILENT:
		break; /* the client gives up first; the process ends with the test */
	case IMDS_TEXT:
		answer_text(x, 200, "<html>maintenance</html>");
		break;
	case IMDS_NO_MEMBER:
		answer_text(x, 200, "{}");
		break;
	case IMDS_GARBAGE:
		answer_text(x, 200, "{\"vcekCert\":\"garbage\",\"quote\":\"???\"}");
		break;
	case IMDS_GOOD:
	case IMDS_OTHER_ALPHABET:
		answer_good(s, x);
		break;
	}
}

static void serve(struct service *s, int port_fd)
{
	const struct http_server_config c = { .address = "127.0.0.1", .handle = handle, .arg = s };
	struct http_server *server = NULL;
	struct loop *l = NULL;
	int value;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (failed(loop_new(&l)) || failed(http_server_new(l, &c, &server)))
		_exit(1);
	uint16_t port = http_server_port(server);
	if (write(port_fd, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	err_ignore(loop_run(l, &value)); /* killed here */
	_exit(1);
}

void fake_imds_start(struct fake_azure *f, struct azure_gen *g)
{
	struct service s = { .shared = f->shared, .g = g };
	uint16_t port;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	f->children[2] = fork();
	assert_true(f->children[2] >= 0);
	if (f->children[2] == 0)
		serve(&s, fds[1]);
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &port, sizeof(port)), sizeof(port));
	(void)close(fds[0]);
	(void)snprintf(f->imds, sizeof(f->imds), "http://127.0.0.1:%u", port);
}
