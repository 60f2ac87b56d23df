/* OCI distribution-spec 1.1, client side. */
#include "registry_auth.h"
#include "store.h"
#include "verify.h"

#include <stdlib.h>

#include <image-rs/manifest.h>
#include <image-rs/reference.h>
#include <net/http_client.h>

#define ACCEPT                                                                                     \
	"Accept: " IMG_TYPE_MANIFEST ", " IMG_TYPE_INDEX ", " IMG_TYPE_DOCKER_MANIFEST             \
	", " IMG_TYPE_DOCKER_LIST

enum {
	REDIRECTS_MAX = 5, /* blobs often live at a storage service */
	HEADERS_MAX = 4,
	TIMEOUT_MS = 60000, /* of silence */
	ERROR_BODY_MAX = 64 * 1024
};

struct registry {
	struct img_store store;
	struct http_client *http;
	char *base; /* "https://host/v2/repository" */
	char *repository;
	char *basic;	     /* from the auth file, or NULL */
	char *authorization; /* header line once the registry asked for it */
	bool plain_http, pushing;
};

static void registry_free(struct img_store *s)
{
	struct registry *r = (struct registry *)s;

	http_client_free(r->http);
	free(r->base);
	free(r->repository);
	free(r->basic);
	free(r->authorization);
	free(r);
}

static void registry_freep(struct registry **r)
{
	if (*r)
		registry_free(&(*r)->store);
}

/* ---- requests ---- */

static RESULT authorize(struct registry *r, const char *www_authenticate)
{
	AUTO(auth_challenge_done) struct auth_challenge challenge = { 0 };
	AUTO(auto_free) char *credential = NULL;

	TRY(auth_challenge_parse(www_authenticate, &challenge));
	if (!challenge.bearer) {
		if (!r->basic)
			return err_new(ERR_DENIED, "registry: wants a password, and none is known");
		TRY(str_dup(r->basic, &credential));
	} else {
		struct auth_token_request request = {
			.challenge = &challenge,
			.basic = r->basic,
			.repository = r->repository,
			.actions = r->pushing ? "pull,push" : "pull",
			.plain_http = r->plain_http,
		};
		TRY(auth_token(r->http, &request, &credential));
	}
	free(TAKE(r->authorization));
	return str_format(&r->authorization, "Authorization: %s", credential);
}

static RESULT do_once(
	struct registry *r, const struct http_request *request, struct http_response *ret)
{
	const char *headers[HEADERS_MAX + 2] = { NULL };
	struct http_request q = *request;
	size_t n = 0;

	for (; q.headers && q.headers[n] && n < HEADERS_MAX; n++)
		headers[n] = q.headers[n];
	headers[n] = r->authorization;
	q.headers = headers;
	return http_do(r->http, &q, ret);
}

/* One more try with credentials when the registry asks for them, also when a token has expired. */
static RESULT request_do(
	struct registry *r, const struct http_request *request, struct http_response *ret)
{
	AUTO(http_response_done) struct http_response response = { 0 };

	TRY(do_once(r, request, &response));
	const char *challenge = http_header(&response, "www-authenticate");
	if (response.status == 401 && challenge) {
		TRY(authorize(r, challenge));
		http_response_done(&response);
		TRY(do_once(r, request, &response));
	}
	*ret = response;
	response = (struct http_response){ 0 };
	return OK;
}

/* The registry's own words: {"errors":[{"code","message"}]}. */
static struct err status_failure(const struct http_request *q, const struct http_response *response)
{
	AUTO(json_freep) struct json *root = NULL;
	const char *text = NULL;
	enum err_code code = response->status == 404   ? ERR_NOT_FOUND
			     : response->status == 401 ? ERR_DENIED
			     : response->status == 403 ? ERR_DENIED
						       : ERR_PEER;

	if (!failed(json_parse(buf_bytes(&response->body), &root)))
		text = json_string(json_pointer(root, "/errors/0/code"));
	return err_new(code, "registry: %s %s answered %d%s%.60s", q->method, q->url,
		response->status, text ? " " : "", text ? text : "");
}

static RESULT make_url(const struct registry *r, const char *kind, const char *name, char **ret)
{
	return str_format(ret, "%s/%s/%s", r->base, kind, name);
}

/* ---- reading ---- */

/* A registry whose bytes are not what it says they are is broken or tampered with; signatures would
 * show that too, but not as clearly. */
static RESULT check_claimed_digest(const struct http_response *response)
{
	const char *claimed = http_header(response, "docker-content-digest");

	if (!claimed || !img_is_digest(claimed))
		return OK;
	return verify_digest(
		buf_bytes(&response->body), claimed, "image.manifest-digest", "manifest");
}

static RESULT registry_manifest(struct img_store *s, const char *tag_or_digest, struct buf *out)
{
	struct registry *r = (struct registry *)s;
	AUTO(http_response_done) struct http_response response = { 0 };
	AUTO(auto_free) char *url = NULL;
	const char *const headers[] = { ACCEPT, NULL };

	TRY(make_url(r, "manifests", tag_or_digest, &url));
	struct http_request q = {
		.method = "GET",
		.url = url,
		.headers = headers,
		.max_body = IMG_MANIFEST_MAX,
		.max_redirects = REDIRECTS_MAX,
	};
	TRY(request_do(r, &q, &response));
	if (response.status != 200)
		return status_failure(&q, &response);
	TRY(check_claimed_digest(&response));
	buf_put(out, buf_bytes(&response.body));
	return buf_end(out, "manifest");
}

static RESULT registry_stream(
	struct img_store *s, const struct img_blob *blob, img_sink_fn *sink, void *arg)
{
	struct registry *r = (struct registry *)s;
	AUTO(http_response_done) struct http_response response = { 0 };
	AUTO(auto_free) char *url = NULL;

	TRY(make_url(r, "blobs", blob->digest, &url));
	struct http_request q = {
		.method = "GET",
		.url = url,
		.max_body = ERROR_BODY_MAX,
		.max_redirects = REDIRECTS_MAX,
		.sink = sink,
		.sink_arg = arg,
	};
	TRY(request_do(r, &q, &response));
	return response.status == 200 ? OK : status_failure(&q, &response);
}

/* ---- writing ---- */

static RESULT has_blob(struct registry *r, const char *digest, bool *ret_has)
{
	AUTO(http_response_done) struct http_response response = { 0 };
	AUTO(auto_free) char *url = NULL;

	TRY(make_url(r, "blobs", digest, &url));
	struct http_request q = { .method = "HEAD", .url = url, .max_redirects = REDIRECTS_MAX };
	TRY(request_do(r, &q, &response));
	*ret_has = response.status == 200;
	return OK;
}

/* Location may be relative to the registry. */
static RESULT upload_url(
	const struct registry *r, const char *location, const char *digest, char **ret)
{
	const char *host = strstr(r->base, "://") + 3;
	int origin = (int)(host - r->base + (ptrdiff_t)strcspn(host, "/"));
	const char *join = strchr(location, '?') ? "&" : "?";

	if (location[0] == '/')
		return str_format(
			ret, "%.*s%s%sdigest=%s", origin, r->base, location, join, digest);
	if (strncmp(location, r->base, (size_t)origin) != 0 || location[origin] != '/')
		return err_new(
			ERR_PEER, "registry: upload goes to another place: %.100s", location);
	return str_format(ret, "%s%sdigest=%s", location, join, digest);
}

static RESULT start_upload(struct registry *r, const char *digest, char **ret_url)
{
	AUTO(http_response_done) struct http_response response = { 0 };
	AUTO(auto_free) char *url = NULL;

	TRY(make_url(r, "blobs/uploads", "", &url));
	struct http_request q = { .method = "POST", .url = url };
	TRY(request_do(r, &q, &response));
	const char *location = http_header(&response, "location");
	if (response.status != 202 || !location)
		return status_failure(&q, &response);
	return upload_url(r, location, digest, ret_url);
}

static RESULT put(struct registry *r, const char *url, const char *media_type, struct bytes data)
{
	AUTO(http_response_done) struct http_response response = { 0 };
	AUTO(auto_free) char *type = NULL;

	TRY(str_format(&type, "Content-Type: %s", media_type));
	const char *const headers[] = { type, NULL };
	struct http_request q = { .method = "PUT", .url = url, .headers = headers, .body = data };
	TRY(request_do(r, &q, &response));
	return response.status == 201 ? OK : status_failure(&q, &response);
}

static RESULT registry_put_blob(struct img_store *s, const char *digest, struct bytes data)
{
	struct registry *r = (struct registry *)s;
	AUTO(auto_free) char *url = NULL;
	bool has;

	r->pushing = true;
	TRY(has_blob(r, digest, &has));
	if (has)
		return OK;
	TRY(start_upload(r, digest, &url));
	return put(r, url, "application/octet-stream", data);
}

static RESULT registry_put_manifest(struct img_store *s, const char *tag, const char *media_type,
	const char *digest, struct bytes data)
{
	struct registry *r = (struct registry *)s;
	AUTO(auto_free) char *url = NULL;

	r->pushing = true;
	TRY(make_url(r, "manifests", tag ? tag : digest, &url));
	return put(r, url, media_type, data);
}

static const struct img_store_ops registry_ops = {
	.manifest = registry_manifest,
	.stream = registry_stream,
	.put_blob = registry_put_blob,
	.put_manifest = registry_put_manifest,
	.free = registry_free,
};

RESULT img_registry_open(const struct img_registry_options *options,
	const struct img_reference *reference, struct img_store **ret_store)
{
	AUTO(registry_freep) struct registry *r = calloc(1, sizeof(*r));
	bool hub = str_equal(reference->registry, "docker.io");
	struct http_client_config config = {
		.ca_pem = options->ca_pem,
		.user_agent = "sealpod",
		.https_proxy = options->https_proxy,
		.http_proxy = options->http_proxy,
		.no_proxy = options->no_proxy,
		.timeout_ms = TIMEOUT_MS,
	};

	if (!r)
		return err_new(ERR_NOMEM, "registry");
	r->store.ops = &registry_ops;
	r->plain_http = options->plain_http;
	TRY(str_dup(reference->repository, &r->repository));
	TRY(str_format(&r->base, "http%s://%s/v2/%s", options->plain_http ? "" : "s",
		hub ? "registry-1.docker.io" : reference->registry, reference->repository));
	TRY(auth_file_lookup(options->auth_json, reference, &r->basic));
	TRY(http_client_new(&config, &r->http));
	*ret_store = &TAKE(r)->store;
	return OK;
}
