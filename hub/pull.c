/* Image pulls: one sealpod-unpack process each, so that no key outlives its image. */
#include "hub.h"

#include <confidential_data_hub.pb-c.h>
#include <stdlib.h>

#include <base/clock.h>
#include <base/file.h>
#include <base/log.h>
#include <image-rs/unpack_client.h>
#include <net/pb.h>
#include <sys/statvfs.h>

#define LOG_MODULE "hub"
#define UNPACK	   "/usr/bin/sealpod-unpack"
/* The verified image configuration, for the agent: docs/protocols/guest.md */
#define CONFIG "image.json"

enum {
	POLICY_MAX = 256 * 1024,
	PROGRESS_EVERY_MS = 250
};

struct pull {
	struct pull *next;
	struct hub *hub;
	struct ttrpc_call *call;
	char *image, *bundle;
	struct buf policy, auth, sigstore, registries, ca; /* what the request points into */
	struct img_callbacks callbacks;
	struct unpack *unpack;
	uint64_t started, last_progress;
};

static void pull_free(struct pull *p)
{
	if (!p)
		return;
	unpack_free(p->unpack);
	free(p->image);
	free(p->bundle);
	buf_done(&p->policy);
	buf_done(&p->auth);
	buf_done(&p->sigstore);
	buf_done(&p->registries);
	buf_done(&p->ca);
	free(p);
}

static void pull_freep(struct pull **p)
{
	pull_free(*p);
}

static void unlink_pull(struct pull *p)
{
	for (struct pull **at = &p->hub->pulls; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			return;
		}
	}
}

void hub_pulls_end(struct hub *h)
{
	while (h->pulls) {
		struct pull *p = h->pulls;
		h->pulls = p->next;
		pull_free(p);
	}
}

static RESULT on_unwrap(void *arg, struct bytes packet, struct secret **ret_options)
{
	struct pull *p = arg;

	return hub_unwrap(p->hub, packet, ret_options);
}

static RESULT on_resource(void *arg, const char *uri, struct buf *ret)
{
	struct pull *p = arg;
	AUTO(secret_freep) struct secret *value = NULL;

	TRY(hub_resource(p->hub, uri, &value));
	buf_put(ret, secret_bytes(value));
	return buf_end(ret, uri);
}

static void on_progress(void *arg, size_t layer, size_t layers, uint64_t done, uint64_t total)
{
	struct pull *p = arg;
	uint64_t now = clock_monotonic_ms();

	if (now - p->last_progress < PROGRESS_EVERY_MS && done < total)
		return;
	p->last_progress = now;
	log_info("progress", "layer=%zu layers=%zu done=%llu total=%llu", layer, layers,
		(unsigned long long)done, (unsigned long long)total);
}

static RESULT keep_config(const struct pull *p, const struct img_pulled *pulled)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(p->bundle, CONFIG, &path));
	return file_write_atomic(path, buf_bytes(&pulled->config), 0600);
}

static RESULT answer(struct pull *p, const struct img_pulled *pulled)
{
	AUTO(buf_done) struct buf out = BUF_INIT(POLICY_MAX);
	Cdh__ImagePullResponse message = CDH__IMAGE_PULL_RESPONSE__INIT;

	TRY(keep_config(p, pulled));
	message.manifest_digest = pulled->manifest_digest;
	TRY(pb_pack(&message.base, &out));
	ttrpc_answer(p->call, buf_bytes(&out));
	return OK;
}

static void on_done(void *arg, struct err e, const struct img_pulled *pulled)
{
	struct pull *p = arg;

	if (!failed(e))
		e = answer(p, pulled);
	if (failed(e)) {
		e = err_add(e, "[CDH] [ERROR]: Image Pull error: %s", p->image);
		log_failure(LOG_MODULE, "failure", e);
		ttrpc_fail(p->call, e);
	} else {
		log_info("stage", "stage=pull took_ms=%llu digest=%s",
			(unsigned long long)(clock_monotonic_ms() - p->started),
			pulled->manifest_digest);
	}
	unlink_pull(p);
	pull_free(p);
}

/* A URI wins over the text beside it; neither leaves the buffer empty. */
static RESULT take_setting(struct hub *h, const char *uri, const char *text, struct buf *out)
{
	AUTO(secret_freep) struct secret *value = NULL;

	if (uri) {
		TRY(hub_resource(h, uri, &value));
		buf_put(out, secret_bytes(value));
	} else if (text) {
		buf_puts(out, text);
	}
	return buf_end(out, uri ? uri : "image setting");
}

static RESULT take_settings(struct pull *p, const struct hub_image *c)
{
	TRY(take_setting(
		p->hub, c->image_security_policy_uri, c->image_security_policy, &p->policy));
	TRY(take_setting(p->hub, c->sigstore_config_uri, c->sigstore_config, &p->sigstore));
	TRY(take_setting(p->hub, c->authenticated_registry_credentials_uri, NULL, &p->auth));
	TRY(take_setting(p->hub, c->registry_configuration_uri, NULL, &p->registries));
	for (size_t i = 0; i < c->extra_root_certificates.n; i++) {
		buf_puts(&p->ca, c->extra_root_certificates.v[i]);
		buf_puts(&p->ca, "\n");
	}
	return buf_end(&p->ca, "extra_root_certificates");
}

/* What fits: layers live in the guest's memory, and a bomb must not take the whole of it. */
static uint64_t room_in(const char *dir)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) != 0)
		return 0;
	return (uint64_t)fs.f_bavail * fs.f_frsize / 10 * 9;
}

static RESULT start(struct pull *p)
{
	const struct hub_image *c = &p->hub->config.cdh.image;
	struct img_pull_request request = { 0 };
	struct unpack_start s = { .program = UNPACK, .pull = &request, .done = on_done, .arg = p };

	TRY(take_settings(p, c));
	TRY(dir_make(c->work_dir, 0700));
	p->callbacks = (struct img_callbacks){
		.unwrap_key = on_unwrap,
		.resource = on_resource,
		.progress = on_progress,
		.arg = p,
	};
	request = (struct img_pull_request){
		.reference = p->image,
		.work_dir = c->work_dir,
		.bundle = p->bundle,
		.policy_json = buf_bytes(&p->policy),
		.auth_json = buf_bytes(&p->auth),
		.ca_pem = buf_bytes(&p->ca),
		.sigstore_config = buf_bytes(&p->sigstore),
		.registry_config = buf_bytes(&p->registries),
		.https_proxy = c->image_pull_proxy.https_proxy,
		.http_proxy = c->image_pull_proxy.http_proxy,
		.no_proxy = c->image_pull_proxy.no_proxy,
		.max_unpacked = room_in(c->work_dir),
		.callbacks = &p->callbacks,
	};
	return unpack_start(p->hub->loop, &s, &p->unpack);
}

RESULT hub_pull(struct hub *h, const char *image, const char *bundle, struct ttrpc_call *call)
{
	AUTO(pull_freep) struct pull *p = calloc(1, sizeof(*p));

	if (!p)
		return err_new(ERR_NOMEM, "pull");
	p->hub = h;
	p->call = call;
	p->started = clock_monotonic_ms();
	p->policy = p->auth = p->sigstore = p->registries = p->ca = BUF_INIT(POLICY_MAX);
	TRY(str_dup(image, &p->image));
	TRY(str_dup(bundle, &p->bundle));
	TRY(dir_make(bundle, 0700));
	struct err e = start(p);
	if (failed(e))
		return err_add(e, "%s", image);
	p->next = h->pulls;
	h->pulls = TAKE(p);
	return OK;
}
