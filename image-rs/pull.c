#include "image_dirs.h"
#include "image_sandbox.h"
#include "layers.h"
#include "mounter.h"
#include "registry_config.h"
#include "signature.h"
#include "sigstore_config.h"

#include <stdlib.h>

#include <base/file.h>
#include <crypto/digest.h>
#include <image-rs/image.h>
#include <image-rs/policy.h>
#include <image-rs/store.h>

struct pull {
	const struct img_pull_request *request;
	const char *architecture;
	struct img_reference image;
	struct img_policy *policy; /* NULL: none was given */
	struct registry_sources sources;
	struct mounter mounter;
};

/* One source of the image: what was fetched from it. */
struct fetched {
	struct img_registry_options options;
	struct img_store *store;
	struct img_document document; /* the platform's manifest */
	char *index_digest;	      /* NULL when there was no index */
	char *manifest_digest;
	struct img_config config;
	struct buf config_text;
};

static void pull_done(struct pull *p)
{
	img_reference_done(&p->image);
	img_policy_freep(&p->policy);
	registry_sources_done(&p->sources);
	mounter_done(&p->mounter);
}

static void fetched_done(struct fetched *f)
{
	img_store_freep(&f->store);
	img_document_done(&f->document);
	free(f->index_digest);
	free(f->manifest_digest);
	img_config_done(&f->config);
	buf_done(&f->config_text);
}

void img_pulled_done(struct img_pulled *p)
{
	free(p->manifest_digest);
	buf_done(&p->config);
	*p = (struct img_pulled){ 0 };
}

/* ---- manifests and configuration ---- */

static RESULT fetch_document(
	struct img_store *store, const char *name, struct img_document *d, char **ret_digest)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_MANIFEST_MAX);
	char printed[2 * DIGEST_MAX + 16];
	struct digest_value value;

	TRY(img_store_manifest(store, name, &text));
	TRY(img_document_parse(buf_bytes(&text), d));
	if (strchr(name, ':')) /* asked for by its digest, which is verified */
		return str_dup(name, ret_digest);
	TRY(digest(DIGEST_SHA256, buf_bytes(&text), &value));
	digest_print_oci(&value, printed);
	return str_dup(printed, ret_digest);
}

static RESULT fetch_manifest(
	const struct pull *p, const struct img_reference *from, struct fetched *f)
{
	AUTO(img_document_done) struct img_document index = { 0 };
	const char *name = from->digest ? from->digest : from->tag;
	const struct img_index_entry *entry;

	TRY(fetch_document(f->store, name, &f->document, &f->manifest_digest));
	if (!f->document.is_index)
		return OK;
	index = f->document;
	f->document = (struct img_document){ 0 };
	f->index_digest = TAKE(f->manifest_digest);
	TRY(img_index_select(&index.index, p->architecture, &entry));
	TRY(fetch_document(f->store, entry->descriptor.digest, &f->document, &f->manifest_digest));
	if (f->document.is_index)
		return err_new(ERR_UNSUPPORTED, "an index inside an index");
	return OK;
}

static RESULT check_signatures(const struct pull *p, const struct fetched *f)
{
	struct signature_check c = {
		.store = f->store,
		.image = &p->image,
		.digests = { f->manifest_digest, f->index_digest },
		.sigstore_config = p->request->sigstore_config,
		.ca_pem = p->request->ca_pem,
		.callbacks = p->request->callbacks,
	};

	return signature_check(p->policy, &c);
}

static RESULT check_platform(const struct pull *p, const struct img_config *c)
{
	if (str_equal(c->os, "linux") && str_equal(c->architecture, p->architecture))
		return OK;
	return err_new(ERR_UNSUPPORTED, "the image is for %.30s/%.30s, this machine is linux/%s",
		c->os, c->architecture, p->architecture);
}

static RESULT check_layer_count(const struct fetched *f)
{
	char expected[32], actual[32];

	if (f->config.diff_ids.n == f->document.manifest.layers.n)
		return OK;
	(void)snprintf(expected, sizeof(expected), "%zu diff_ids", f->document.manifest.layers.n);
	(void)snprintf(actual, sizeof(actual), "%zu", f->config.diff_ids.n);
	return err_deny(ERR_UNVERIFIED, "image.layer-count", "rootfs.diff_ids", expected, actual);
}

static RESULT fetch_config(const struct pull *p, struct fetched *f)
{
	const struct img_descriptor *d = &f->document.manifest.config;
	struct img_blob blob = { .digest = d->digest, .size = d->size };

	TRY(img_store_blob(f->store, &blob, &f->config_text));
	TRY(img_config_parse(buf_bytes(&f->config_text), &f->config));
	TRY(check_platform(p, &f->config));
	return check_layer_count(f);
}

/* ---- one source ---- */

static RESULT unpack_and_mount(
	struct pull *p, const struct registry_source *source, const struct fetched *f)
{
	AUTO(strv_done) struct strv names = { 0 };
	struct layers_job job = {
		.registry = &f->options,
		.source = &source->reference,
		.manifest = &f->document.manifest,
		.config = &f->config,
		.work_dir = p->request->work_dir,
		.max_unpacked = p->request->max_unpacked,
		.callbacks = p->request->callbacks,
	};

	TRY(layers_unpack(&job, &names));
	return mounter_mount(&p->mounter, &names);
}

static RESULT pull_from(
	struct pull *p, const struct registry_source *source, struct img_pulled *ret)
{
	const struct img_pull_request *r = p->request;
	AUTO(fetched_done) struct fetched f = { .config_text = BUF_INIT(IMG_MANIFEST_MAX) };

	f.options = (struct img_registry_options){
		.ca_pem = r->ca_pem,
		.auth_json = r->auth_json,
		.https_proxy = r->https_proxy,
		.http_proxy = r->http_proxy,
		.no_proxy = r->no_proxy,
		.plain_http = source->plain_http,
	};
	TRY(img_registry_open(&f.options, &source->reference, &f.store));
	TRY(fetch_manifest(p, &source->reference, &f));
	TRY(check_signatures(p, &f));
	TRY(fetch_config(p, &f));
	TRY(unpack_and_mount(p, source, &f));
	*ret = (struct img_pulled){ .manifest_digest = TAKE(f.manifest_digest),
		.config = f.config_text };
	f.config_text = (struct buf){ 0 };
	return OK;
}

/* A mirror that is away or has not got the image is passed over; a refusal is final. */
static bool try_next(struct err e)
{
	return e.code == ERR_PEER || e.code == ERR_NOT_FOUND || e.code == ERR_TIMEOUT;
}

static RESULT pull_any(struct pull *p, struct img_pulled *ret)
{
	struct err e = OK;

	for (size_t i = 0; i < p->sources.n; i++) {
		AUTO(auto_free) char *name = NULL;
		e = pull_from(p, &p->sources.v[i], ret);
		if (!failed(e))
			return OK;
		if (!try_next(e))
			break;
		TRY(img_reference_print(&p->sources.v[i].reference, &name));
		e = err_add(e, "%s", name);
	}
	return e;
}

/* ---- before the network ---- */

static const char *this_architecture(void)
{
#if defined(__s390x__)
	return "s390x";
#elif defined(__aarch64__)
	return "arm64";
#else
	return "amd64";
#endif
}

static RESULT make_dirs(const char *work_dir)
{
	static const char *const names[] = { LAYERS_DIR, STAGING_DIR, OVERLAY_DIR };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(auto_free) char *path = NULL;
		TRY(path_join(work_dir, names[i], &path));
		TRY(dir_make(path, 0700));
	}
	return staging_sweep(work_dir);
}

/* Files that checking signatures may need: the policy's keys and local lookaside directories. */
static RESULT add_paths(const struct pull *p, struct strv *paths)
{
	AUTO(sigstore_config_done) struct sigstore_config config = { 0 };
	const char *url = NULL;
	struct img_rules rules = { 0 };

	if (p->policy)
		TRY(img_policy_select(p->policy, &p->image, &rules));
	for (size_t i = 0; i < rules.n; i++) {
		const char *path = rules.v[i].key_path;
		if (!path || str_starts(path, "kbs"))
			continue;
		TRY(strv_add(paths, str_starts(path, "file://") ? path + 7 : path));
	}
	if (p->request->sigstore_config.n > 0) {
		TRY(sigstore_config_parse(p->request->sigstore_config, &config));
		TRY(sigstore_config_find(&config, &p->image, &url));
		if (url && str_starts(url, "file://"))
			TRY(strv_add(paths, url + 7));
	}
	return OK;
}

static RESULT confine(const struct pull *p)
{
	AUTO(strv_done) struct strv paths = { 0 };
	struct image_sandbox s = {
		.work_dir = p->request->work_dir,
		.gpg = p->policy && img_policy_uses_gpg(p->policy),
		.read_paths = &paths,
	};

	TRY(add_paths(p, &paths));
	return image_sandbox_pull(&s);
}

static RESULT prepare(struct pull *p)
{
	const struct img_pull_request *r = p->request;

	p->architecture = r->architecture ? r->architecture : this_architecture();
	TRY(img_reference_parse(r->reference, &p->image));
	if (r->policy_json.n > 0)
		TRY(img_policy_parse(r->policy_json, &p->policy));
	TRY(signature_early_check(p->policy, &p->image));
	TRY(registry_sources_of(r->registry_config, &p->image, &p->sources));
	TRY(make_dirs(r->work_dir));
	TRY(mounter_start(r->work_dir, r->bundle, &p->mounter));
	return confine(p);
}

RESULT img_pull(const struct img_pull_request *r, struct img_pulled *ret)
{
	AUTO(pull_done) struct pull p = { .request = r, .mounter = MOUNTER_NONE };

	TRY(prepare(&p));
	return pull_any(&p, ret);
}
