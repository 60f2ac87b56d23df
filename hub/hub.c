#include "hub.h"

#include <stdlib.h>

#include <base/file.h>
#include <base/log.h>
#include <measured-boot/initdata.h>

#define LOG_MODULE "hub"

enum {
	TOKEN_MAX = 1024 * 1024
};

static RESULT open_tee(struct hub *h, const char *platform)
{
	struct tee_guest_config here = { .root = "", .imds_ops = &imds_http };
	const struct tee_guest_ops *ops;
	struct digest_value initdata;

	if (platform && str_equal(platform, "none"))
		return OK;
	h->tee = platform ? tee_by_platform(platform) : tee_detect(&here);
	if (!h->tee && platform)
		return err_new(ERR_UNSUPPORTED, "platform %s is unknown", platform);
	ops = h->tee ? tee_guest_ops(h->tee) : NULL;
	if (!ops)
		return h->tee ? err_new(ERR_UNSUPPORTED, "platform %s has no guest driver",
					h->tee->platform)
			      : OK;
	if (h->initdata.n > 0) {
		TRY(initdata_digest(buf_bytes(&h->initdata), &initdata));
		here.initdata = &initdata;
	}
	struct err e = ops->open(&here, &h->guest);
	return failed(e) ? err_add(e, "opening platform %s", h->tee->platform) : OK;
}

RESULT hub_open(struct loop *l, const struct hub_options *o, struct hub **ret_hub)
{
	AUTO(hub_freep) struct hub *h = calloc(1, sizeof(*h));

	if (!h)
		return err_new(ERR_NOMEM, "hub");
	h->loop = l;
	h->initdata = BUF_INIT(INITDATA_MAX);
	TRY(hub_config_load(o->cdh_config, o->aa_config, &h->config));
	if (o->initdata && file_exists(o->initdata))
		TRY(file_read(o->initdata, &h->initdata));
	TRY(open_tee(h, o->platform));
	*ret_hub = TAKE(h);
	return OK;
}

void hub_freep(struct hub **ref)
{
	struct hub *h = *ref;

	if (!h)
		return;
	hub_pulls_end(h);
	hub_mounts_end(h);
	kbs_client_free(h->kbs);
	if (h->guest)
		tee_guest_ops(h->tee)->close(h->guest);
	buf_done(&h->initdata);
	hub_config_done(&h->config);
	free(h);
	*ref = NULL;
}

static void log_stage(void *arg, const char *stage, uint64_t ms)
{
	(void)arg;
	log_info("stage", "stage=%s took_ms=%llu", stage, (unsigned long long)ms);
}

static RESULT need_guest(const struct hub *h)
{
	if (!h->guest)
		return err_deny(ERR_DENIED, "hub.no-tee", "platform", "a TEE", "none");
	return OK;
}

/* One client, one handshake: it is reused for every key of the pod. */
static RESULT need_kbs(struct hub *h)
{
	const char *url = hub_config_kbs_url(&h->config);
	const char *cert = hub_config_kbs_cert(&h->config);
	struct kbs_client_config c = { .url = url, .tee = h->tee, .guest = h->guest };

	if (h->kbs)
		return OK;
	TRY(need_guest(h));
	if (!url)
		return err_deny(ERR_DENIED, "hub.no-broker", "cdh.toml:kbc.url", "a URL", "none");
	if (cert)
		c.ca_pem = bytes_str(cert);
	c.initdata = buf_bytes(&h->initdata);
	c.stage = log_stage;
	return kbs_client_new(&c, &h->kbs);
}

RESULT hub_resource(struct hub *h, const char *uri, struct secret **ret_resource)
{
	TRY(need_kbs(h));
	return kbs_client_get_uri(h->kbs, uri, ret_resource);
}

RESULT hub_token(struct hub *h, struct buf *ret_json)
{
	AUTO(buf_done) struct buf token = BUF_INIT(TOKEN_MAX);
	AUTO(secret_freep) struct secret *pem = NULL;
	struct json_writer w = jw_of(ret_json);

	TRY(need_kbs(h));
	TRY(kbs_client_token(h->kbs, &token, &pem));
	jw_object(&w);
	jw_key(&w, "token");
	jw_bytes_str(&w, buf_bytes(&token));
	jw_key(&w, "tee_keypair");
	jw_bytes_str(&w, secret_bytes(pem));
	jw_object_end(&w);
	return buf_end(ret_json, "token");
}

RESULT hub_evidence(struct hub *h, struct bytes report_data, struct buf *ret_json)
{
	if (report_data.n > DIGEST_MAX)
		return err_new(ERR_LIMIT, "runtime data of %zu bytes, at most %d", report_data.n,
			DIGEST_MAX);
	TRY(need_guest(h));
	return tee_guest_ops(h->tee)->evidence(h->guest, report_data, NULL, ret_json);
}

const char *hub_tee_name(const struct hub *h)
{
	return h->tee ? h->tee->kbs_name : "sample";
}

void hub_answer(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	AUTO(buf_done) struct buf out = BUF_INIT(HUB_ANSWER_MAX);
	struct err e = pb_pack(message, &out);

	if (failed(e))
		ttrpc_fail(call, e);
	else
		ttrpc_answer(call, buf_bytes(&out));
	bytes_wipe(out.p, out.n);
}
