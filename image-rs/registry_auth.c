#include "registry_auth.h"

#include <stdlib.h>
#include <strings.h>

#include <base/encode.h>
#include <net/url.h>

enum {
	AUTH_FILE_MAX = 1024 * 1024,
	AUTH_TEXT_MAX = 8 * 1024,
	TOKEN_MAX = 64 * 1024
};

static const char *auth_of(const struct json *auths, const char *key)
{
	return json_string(json_get(json_get(auths, key), "auth"));
}

/* registry/repository, its parents, the registry */
static RESULT find_auth(
	const struct json *auths, const struct img_reference *reference, const char **ret)
{
	AUTO(auto_free) char *name = NULL;
	char *slash;

	TRY(img_reference_name(reference, &name));
	while (!(*ret = auth_of(auths, name)) && (slash = strrchr(name, '/')))
		*slash = '\0';
	return OK;
}

/* docker login writes keys such as "https://index.docker.io/v1/". */
static bool same_registry(const char *key, const char *registry)
{
	static const char *const hub[] = { "docker.io", "index.docker.io", "registry-1.docker.io" };

	if (str_starts(key, "https://"))
		key += strlen("https://");
	else if (str_starts(key, "http://"))
		key += strlen("http://");
	size_t n = strcspn(key, "/");
	if (strlen(registry) == n && strncmp(key, registry, n) == 0)
		return true;
	if (!str_equal(registry, "docker.io"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(hub); i++)
		if (strlen(hub[i]) == n && strncmp(key, hub[i], n) == 0)
			return true;
	return false;
}

RESULT auth_file_lookup(
	struct bytes auth_json, const struct img_reference *reference, char **ret_basic)
{
	AUTO(json_freep) struct json *root = NULL;
	const char *found = NULL;

	*ret_basic = NULL;
	if (auth_json.n == 0)
		return OK;
	if (auth_json.n > AUTH_FILE_MAX)
		return err_new(ERR_LIMIT, "auth file: %zu bytes", auth_json.n);
	struct err e = json_parse(auth_json, &root);
	if (failed(e))
		return err_add(e, "auth file");
	const struct json *auths = json_get(root, "auths");
	TRY(find_auth(auths, reference, &found));
	for (size_t i = 0; !found && i < json_members(auths); i++)
		if (same_registry(json_name_at(auths, i), reference->registry))
			found = json_string(json_get(json_at(auths, i), "auth"));
	return found ? str_format(ret_basic, "Basic %s", found) : OK;
}

void auth_challenge_done(struct auth_challenge *c)
{
	free(c->realm);
	free(c->service);
	*c = (struct auth_challenge){ 0 };
}

/* A token or a quoted string; returns what follows it. */
static RESULT read_value(const char *p, char **ret_value, const char **ret_rest)
{
	AUTO(buf_done) struct buf value = BUF_INIT(AUTH_TEXT_MAX);

	if (*p != '"') {
		size_t n = strcspn(p, ", ");
		*ret_rest = p + n;
		return bytes_to_str(bytes_of(p, n), ret_value);
	}
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		buf_u8(&value, *p);
	}
	if (*p != '"')
		return err_new(ERR_PEER, "WWW-Authenticate: a quote is not closed");
	*ret_rest = p + 1;
	TRY(buf_end(&value, "WWW-Authenticate"));
	return bytes_to_str(buf_bytes(&value), ret_value);
}

static RESULT read_parameter(const char *p, struct auth_challenge *c, const char **ret_rest)
{
	size_t n = strcspn(p, "=");
	AUTO(auto_free) char *value = NULL;

	if (p[n] != '=')
		return err_new(ERR_PEER, "WWW-Authenticate: a parameter without a value");
	TRY(read_value(p + n + 1, &value, ret_rest));
	char **to = n == 5 && strncasecmp(p, "realm", n) == 0	  ? &c->realm
		    : n == 7 && strncasecmp(p, "service", n) == 0 ? &c->service
								  : NULL;
	if (to && !*to)
		*to = TAKE(value);
	return OK;
}

RESULT auth_challenge_parse(const char *header, struct auth_challenge *ret)
{
	AUTO(auth_challenge_done) struct auth_challenge c = { 0 };
	const char *p = header;

	c.bearer = strncasecmp(p, "Bearer ", 7) == 0;
	if (!c.bearer && strncasecmp(p, "Basic", 5) != 0)
		return err_new(ERR_UNSUPPORTED, "WWW-Authenticate: %.60s", header);
	p += c.bearer ? 7 : 5;
	for (p += strspn(p, ", "); *p; p += strspn(p, ", "))
		TRY(read_parameter(p, &c, &p));
	if (c.bearer && !c.realm)
		return err_new(ERR_PEER, "WWW-Authenticate: Bearer without a realm");
	*ret = c;
	c = (struct auth_challenge){ 0 };
	return OK;
}

static RESULT token_url(const struct auth_token_request *r, struct buf *out)
{
	const char *realm = r->challenge->realm;

	if (!str_starts(realm, "https://") && !(r->plain_http && str_starts(realm, "http://")))
		return err_new(ERR_PEER, "registry: token realm %.100s is not https", realm);
	buf_puts(out, realm);
	buf_puts(out, strchr(realm, '?') ? "&scope=" : "?scope=");
	AUTO(auto_free) char *scope = NULL;
	TRY(str_format(&scope, "repository:%s:%s", r->repository, r->actions));
	url_encode(scope, out);
	if (r->challenge->service) {
		buf_puts(out, "&service=");
		url_encode(r->challenge->service, out);
	}
	return buf_end(out, "token request");
}

static RESULT read_token(struct bytes body, char **ret_header)
{
	AUTO(json_freep) struct json *root = NULL;

	TRY(json_parse(body, &root));
	const char *token = json_string(json_get(root, "token"));
	if (!token)
		token = json_string(json_get(root, "access_token"));
	if (!token || strpbrk(token, "\r\n"))
		return err_new(ERR_PEER, "no token");
	return str_format(ret_header, "Bearer %s", token);
}

RESULT auth_token(struct http_client *c, const struct auth_token_request *r, char **ret_header)
{
	AUTO(buf_done) struct buf url = BUF_INIT(AUTH_TEXT_MAX);
	AUTO(http_response_done) struct http_response response = { 0 };
	AUTO(auto_free) char *authorization = NULL;
	const char *headers[2] = { NULL };

	TRY(token_url(r, &url));
	if (r->basic) {
		TRY(str_format(&authorization, "Authorization: %s", r->basic));
		headers[0] = authorization;
	}
	struct http_request request = {
		.method = "GET",
		.url = buf_cstr(&url),
		.headers = headers,
		.max_body = TOKEN_MAX,
	};
	TRY(http_do(c, &request, &response));
	if (response.status != 200)
		return err_new(ERR_PEER, "registry: token request answered %d", response.status);
	struct err e = read_token(buf_bytes(&response.body), ret_header);
	return failed(e) ? err_add(e, "registry: token") : OK;
}
