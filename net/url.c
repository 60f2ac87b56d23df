#include <stdio.h>

#include <net/url.h>

enum {
	URL_MAX = 8192,
	HOST_MAX = 253,
	PORT_HTTP = 80,
	PORT_HTTPS = 443
};

/* A stretch of characters of the URL */
struct span {
	const char *p;
	size_t n;
};

static RESULT span_dup(struct span s, char **ret)
{
	char *copy = strndup(s.p, s.n);

	if (!copy)
		return err_new(ERR_NOMEM, "URL");
	*ret = copy;
	return OK;
}

static bool in_class(char c, const char *others)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr(others, c));
}

static bool all_in_class(struct span s, const char *others)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!in_class(s.p[i], others))
			return false;
	}
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* RFC 3986 section 3.3 and 3.4: pchar, "/" and "?"; "%" only before two digits, never %00 */
static bool is_path_or_query(struct span s)
{
	if (!all_in_class(s, "-._~!$&'()*+,;=:@/?%"))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%')
			continue;
		if (s.n - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]) ||
			(s.p[i + 1] == '0' && s.p[i + 2] == '0'))
			return false;
	}
	return true;
}

static RESULT parse_port(struct span s, uint16_t *ret)
{
	unsigned v = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return err_new(ERR_FORMAT, "bad port");
		v = v * 10 + (unsigned)(s.p[i] - '0');
		if (v > UINT16_MAX)
			return err_new(ERR_FORMAT, "bad port");
	}
	if (v == 0)
		return err_new(ERR_FORMAT, "bad port");
	*ret = (uint16_t)v;
	return OK;
}

/* "[v6 address]" or name or v4 address; what follows goes to *ret_rest. */
static RESULT split_host(struct span s, struct span *ret_host, struct span *ret_rest)
{
	const char *end = s.p + s.n, *stop;
	struct span host = s;

	if (s.n > 0 && s.p[0] == '[') {
		stop = memchr(s.p, ']', s.n);
		if (!stop)
			return err_new(ERR_FORMAT, "bad host");
		host = (struct span){ s.p + 1, (size_t)(stop - s.p) - 1 };
		if (host.n == 0 || strspn(host.p, "0123456789abcdefABCDEF:.") != host.n)
			return err_new(ERR_FORMAT, "bad host");
		stop++;
	} else {
		stop = memchr(s.p, ':', s.n);
		if (!stop)
			stop = end;
		host.n = (size_t)(stop - s.p);
		if (!all_in_class(host, "-._"))
			return err_new(ERR_FORMAT, "bad host");
	}
	if (host.n == 0 || host.n > HOST_MAX)
		return err_new(ERR_FORMAT, "bad host");
	*ret_host = host;
	*ret_rest = (struct span){ stop, (size_t)(end - stop) };
	return OK;
}

static RESULT parse_authority(struct span s, struct url *u)
{
	struct span host = { 0 }, rest = { 0 };

	if (memchr(s.p, '@', s.n))
		return err_new(ERR_FORMAT, "user name in URL");
	TRY(split_host(s, &host, &rest));
	u->port = u->tls ? PORT_HTTPS : PORT_HTTP;
	if (rest.n > 0) {
		if (rest.p[0] != ':' || rest.n < 2)
			return err_new(ERR_FORMAT, "bad port");
		TRY(parse_port((struct span){ rest.p + 1, rest.n - 1 }, &u->port));
	}
	return span_dup(host, &u->host);
}

static RESULT parse_into(const char *text, struct url *u)
{
	struct span authority, path, query = { 0 };

	if (strncmp(text, "https://", 8) == 0)
		u->tls = true;
	else if (strncmp(text, "http://", 7) != 0)
		return err_new(ERR_FORMAT, "neither http:// nor https://");
	if (strlen(text) > URL_MAX)
		return err_new(ERR_FORMAT, "longer than %d characters", URL_MAX);
	if (strchr(text, '#'))
		return err_new(ERR_FORMAT, "fragment in URL");
	authority.p = text + (u->tls ? 8 : 7);
	authority.n = strcspn(authority.p, "/?");
	path.p = authority.p + authority.n;
	path.n = strcspn(path.p, "?");
	TRY(parse_authority(authority, u));
	if (path.p[path.n] == '?')
		query = (struct span){ path.p + path.n + 1, strlen(path.p + path.n + 1) };
	if (!is_path_or_query(path) || (query.p && !is_path_or_query(query)))
		return err_new(ERR_FORMAT, "character that a URL must encode");
	if (query.p)
		TRY(span_dup(query, &u->query));
	return path.n > 0 ? span_dup(path, &u->path) : str_dup("/", &u->path);
}

RESULT url_parse(const char *text, struct url *ret_url)
{
	AUTO(url_done) struct url u = { 0 };
	struct err e = parse_into(text, &u);

	if (failed(e))
		return err_add(e, "URL \"%.100s\"", text);
	*ret_url = u;
	u = (struct url){ 0 };
	return OK;
}

void url_done(struct url *u)
{
	free(u->host);
	free(u->path);
	free(u->query);
	*u = (struct url){ 0 };
}

/* ---- kbs:// ---- */

/* Of a plugin's path: "." and ".." would be resolved by the next URL parser. */
static bool has_dot_segment(const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/");

		if ((n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
			return true;
		if (path[n] == '\0')
			return false;
		path += n + 1;
	}
}

static bool is_segment(struct span s)
{
	return s.n > 0 && in_class(s.p[0], "_-") && all_in_class(s, "_.-");
}

RESULT kbs_resource_path_check(const char *path)
{
	static const char *const names[] = { "repository", "type", "tag" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct span s = { path, strcspn(path, "/") };

		if (!is_segment(s))
			return err_new(ERR_FORMAT, "resource path: bad %s \"%.*s\"", names[i],
				s.n > 100 ? 100 : (int)s.n, s.p);
		path += s.n;
		if (i + 1 < ARRAY_LEN(names) && *path++ != '/')
			return err_new(ERR_FORMAT, "resource path: no %s", names[i + 1]);
	}
	if (*path != '\0')
		return err_new(ERR_FORMAT, "resource path: more than three segments");
	return OK;
}

static RESULT parse_scheme(const char *text, struct kbs_uri *u, const char **ret_rest)
{
	struct span plugin = { "resource", strlen("resource") };
	const char *colon = strstr(text, "://");

	if (!colon || strncmp(text, "kbs", 3) != 0)
		return err_new(ERR_FORMAT, "not kbs://");
	if (text[3] == '+') {
		plugin = (struct span){ text + 4, (size_t)(colon - text) - 4 };
		if (!is_segment(plugin))
			return err_new(ERR_FORMAT, "bad plugin");
	} else if (colon != text + 3) {
		return err_new(ERR_FORMAT, "not kbs://");
	}
	*ret_rest = colon + 3;
	return span_dup(plugin, &u->plugin);
}

static RESULT parse_kbs(const char *text, struct kbs_uri *u)
{
	const char *rest = NULL;
	struct span path;

	if (strlen(text) > URL_MAX)
		return err_new(ERR_FORMAT, "longer than %d characters", URL_MAX);
	TRY(parse_scheme(text, u, &rest));
	/* The host only says where somebody once found the broker; initdata says where it is. */
	rest += strcspn(rest, "/");
	if (*rest != '/')
		return err_new(ERR_FORMAT, "no path");
	path = (struct span){ rest + 1, strcspn(rest + 1, "?") };
	TRY(span_dup(path, &u->path));
	if (strcmp(u->plugin, "resource") == 0)
		TRY(kbs_resource_path_check(u->path));
	else if (path.n == 0 || !is_path_or_query(path) || has_dot_segment(u->path))
		return err_new(ERR_FORMAT, "bad path");
	if (path.p[path.n] != '?')
		return OK;
	path = (struct span){ path.p + path.n + 1, strlen(path.p + path.n + 1) };
	if (!is_path_or_query(path))
		return err_new(ERR_FORMAT, "bad query");
	return span_dup(path, &u->query);
}

RESULT kbs_uri_parse(const char *text, struct kbs_uri *ret_uri)
{
	AUTO(kbs_uri_done) struct kbs_uri u = { 0 };
	struct err e = parse_kbs(text, &u);

	if (failed(e))
		return err_add(e, "\"%.100s\"", text);
	*ret_uri = u;
	u = (struct kbs_uri){ 0 };
	return OK;
}

void kbs_uri_done(struct kbs_uri *u)
{
	free(u->plugin);
	free(u->path);
	free(u->query);
	*u = (struct kbs_uri){ 0 };
}

void url_encode(const char *s, struct buf *out)
{
	for (; *s; s++) {
		if (in_class(*s, "-._~"))
			buf_u8(out, (uint8_t)*s);
		else
			buf_printf(out, "%%%02X", (unsigned char)*s);
	}
}
