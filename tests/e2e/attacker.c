/*
 * A host that owns a software TPM of the right authority, and bends what it proves. The TPM is a
 * real swtpm, the evidence is made by the real guest driver, the broker is the real one; only what
 * the mode names is wrong.
 *
 * Usage: attacker MODE KBS-URL CA-FILE TCTI ROOT INITDATA [OTHER-INITDATA]
 * ROOT holds sys/kernel/security/tpm0/binary_bios_measurements. Prints the broker's answer; exits 0
 * when a token was given.
 */
#include "rcar.h"
#include "vtpm/vtpm_tpm.h"

#include <stdio.h>
#include <string.h>

#include <base/encode.h>
#include <base/file.h>
#include <base/json.h>
#include <keybroker-client/refusal.h>
#include <measured-boot/initdata.h>
#include <net/http_client.h>
#include <tee/eventlog.h>

enum {
	BODY_MAX = 2 * 1024 * 1024
};

#define LOG_PATH "/sys/kernel/security/tpm0/binary_bios_measurements"

struct attacker {
	const char *mode, *url, *tcti, *root;
	struct buf ca, initdata, other_initdata;
	const struct tee *tee;
	struct tee_guest *guest;
	struct http_client *http;
};

struct proof { /* what one handshake sends */
	struct buf jwk, evidence;
};

static bool mode_is(const struct attacker *a, const char *mode)
{
	return str_equal(a->mode, mode);
}

/* The registers as the guest's firmware would have left them. */
static RESULT replay_boot(const struct attacker *a)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf bytes = BUF_INIT(EVENTLOG_MAX);
	AUTO(eventlog_done) struct eventlog log = { 0 };
	struct vtpm_tpm *tpm = NULL;
	struct err e = OK;

	TRY(str_format(&path, "%s" LOG_PATH, a->root));
	TRY(file_read(path, &bytes));
	TRY(eventlog_parse(buf_bytes(&bytes), EVENTLOG_EXACT, &log));
	TRY(vtpm_tpm_open(a->tcti, &tpm));
	for (size_t i = 0; i < log.n && !failed(e); i++) {
		struct bytes d = event_digest(&log.v[i], DIGEST_SHA256);
		if (log.v[i].type != EV_NO_ACTION && d.n == DIGEST_SHA256_SIZE)
			e = vtpm_tpm_pcr_extend(tpm, log.v[i].pcr, d.p);
	}
	vtpm_tpm_free(tpm);
	return e;
}

static RESULT post(
	struct attacker *a, const char *endpoint, struct bytes body, struct http_response *ret)
{
	AUTO(auto_free) char *url = NULL;
	struct http_request request = { .method = "POST", .body = body, .max_body = BODY_MAX };

	TRY(str_format(&url, "%s/kbs/v0/%s", a->url, endpoint));
	request.url = url;
	TRY(http_do(a->http, &request, ret));
	return ret->status == 200 ? OK : kbs_refusal(ret->status, buf_bytes(&ret->body));
}

static RESULT challenge(struct attacker *a, struct rcar_challenge *ret)
{
	AUTO(buf_done) struct buf body = BUF_INIT(BODY_MAX);
	AUTO(http_response_done) struct http_response answer = { 0 };

	TRY(rcar_request_make(a->tee, a->guest, &body));
	TRY(post(a, "auth", buf_bytes(&body), &answer));
	return rcar_challenge_parse(a->tee, buf_bytes(&answer.body), ret);
}

static RESULT new_jwk(struct buf *out)
{
	AUTO(key_freep) struct key *key = NULL;

	TRY(key_generate(KEY_P256, &key));
	return jwk_print(key, "ECDH-ES+A256KW", out);
}

static RESULT prove(struct attacker *a, const struct rcar_challenge *c, struct proof *p)
{
	struct digest_value report_data;

	TRY(new_jwk(&p->jwk));
	TRY(runtime_data_digest(DIGEST_SHA384, c->nonce, buf_bytes(&p->jwk), "", &report_data));
	return tee_guest_ops(a->tee)->evidence(
		a->guest, digest_bytes(&report_data), c->extra_params, &p->evidence);
}

/* ---- bending ---- */
static RESULT bend_log(const struct attacker *a, struct buf *log)
{
	AUTO(eventlog_done) struct eventlog parsed = { 0 };

	TRY(eventlog_parse(buf_bytes(log), EVENTLOG_EXACT, &parsed));
	const struct event *last = &parsed.v[parsed.n - 1];
	struct bytes digest = event_digest(last, DIGEST_SHA256);
	if (mode_is(a, "short-log"))
		/* up to where the last event's record begins: index, type, count come before its
		 * digests */
		log->n = (size_t)(last->digests[0].digest.p - log->p) - 2 - 12;
	else
		log->p[digest.p - log->p] ^= 1;
	return OK;
}

static RESULT bend_evidence(const struct attacker *a, struct buf *evidence)
{
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(buf_done) struct buf log = BUF_INIT(EVENTLOG_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(BODY_MAX);
	struct json_writer w = jw_of(&out);
	const char *text;

	TRY(json_parse(buf_bytes(evidence), &tree));
	TRY(json_need_string(tree, "event_log", &text));
	TRY(base64_decode(BASE64_STD, bytes_str(text), "event_log", &log));
	TRY(bend_log(a, &log));
	jw_object(&w);
	for (size_t i = 0; i < json_count(tree); i++) {
		jw_key(&w, json_name_at(tree, i));
		if (str_equal(json_name_at(tree, i), "event_log"))
			jw_base64(&w, buf_bytes(&log));
		else
			jw_json(&w, json_at(tree, i));
	}
	jw_object_end(&w);
	buf_clear(evidence);
	buf_put(evidence, buf_bytes(&out));
	return buf_end(evidence, "evidence");
}

static RESULT bend(const struct attacker *a, struct proof *p)
{
	if (mode_is(a, "other-key")) {
		buf_clear(&p->jwk);
		return new_jwk(&p->jwk);
	}
	if (mode_is(a, "short-log") || mode_is(a, "edited-log"))
		return bend_evidence(a, &p->evidence);
	return OK;
}

static RESULT attest(struct attacker *a, const struct rcar_challenge *c, const struct proof *p)
{
	AUTO(buf_done) struct buf body = BUF_INIT(BODY_MAX);
	AUTO(http_response_done) struct http_response answer = { 0 };
	struct rcar_attest in = {
		.challenge = c,
		.jwk = buf_bytes(&p->jwk),
		.evidence = buf_bytes(&p->evidence),
		.initdata =
			buf_bytes(mode_is(a, "late-initdata") ? &a->other_initdata : &a->initdata),
	};

	TRY(rcar_attest_make(&in, &body));
	return post(a, "attest", buf_bytes(&body), &answer);
}

static RESULT handshake(struct attacker *a)
{
	AUTO(rcar_challenge_done) struct rcar_challenge first = { 0 };
	AUTO(rcar_challenge_done) struct rcar_challenge second = { 0 };
	struct proof p = { BUF_INIT(BODY_MAX), BUF_INIT(BODY_MAX) };
	struct err e = challenge(a, &first);

	if (!failed(e))
		e = prove(a, &first, &p);
	if (!failed(e))
		e = bend(a, &p);
	/* Replay: the evidence of the first challenge answers a second one. */
	if (!failed(e) && mode_is(a, "replay"))
		e = challenge(a, &second);
	if (!failed(e))
		e = attest(a, mode_is(a, "replay") ? &second : &first, &p);
	buf_done(&p.jwk);
	buf_done(&p.evidence);
	return e;
}

static RESULT open_guest(struct attacker *a)
{
	struct tee_guest_config c = { .root = a->root, .tcti = a->tcti };
	struct digest_value digest;

	a->tee = tee_by_platform("vtpm");
	TRY(tee_guest_ops(a->tee)->open(&c, &a->guest));
	TRY(initdata_digest(buf_bytes(&a->initdata), &digest));
	return tee_guest_ops(a->tee)->bind_initdata(a->guest, &digest);
}

static RESULT run(struct attacker *a, char **argv)
{
	struct http_client_config http = { .user_agent = "attacker", .cookies = true };

	TRY(file_read(argv[3], &a->ca));
	TRY(file_read(argv[6], &a->initdata));
	if (argv[7])
		TRY(file_read(argv[7], &a->other_initdata));
	http.ca_pem = buf_bytes(&a->ca);
	http.only_ca_pem = true;
	TRY(http_client_new(&http, &a->http));
	TRY(replay_boot(a));
	TRY(open_guest(a));
	return handshake(a);
}

int main(int argc, char **argv)
{
	struct attacker a = {
		.ca = BUF_INIT(BODY_MAX),
		.initdata = BUF_INIT(BODY_MAX),
		.other_initdata = BUF_INIT(BODY_MAX),
	};

	if (argc < 7) {
		fprintf(stderr, "usage: attacker MODE URL CA TCTI ROOT INITDATA [OTHER]\n");
		return 2;
	}
	a.mode = argv[1];
	a.url = argv[2];
	a.tcti = argv[4];
	a.root = argv[5];
	struct err e = run(&a, argv);
	printf("%s\n", failed(e) ? err_text() : "NOT REFUSED: the broker gave a token");
	if (a.guest)
		tee_guest_ops(a.tee)->close(a.guest);
	http_client_free(a.http);
	buf_done(&a.ca);
	buf_done(&a.initdata);
	buf_done(&a.other_initdata);
	return failed(e) ? 1 : 0;
}
