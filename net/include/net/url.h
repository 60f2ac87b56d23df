#pragma once

#include <base/buf.h>

/* http, https: an absolute URL in parts; no user info, no fragment. */
struct url {
	bool tls;
	char *host; /* without brackets */
	uint16_t port;
	char *path;  /* begins with '/' */
	char *query; /* NULL when absent */
};
RESULT url_parse(const char *text, struct url *ret_url);
void url_done(struct url *u);

/* kbs[+plugin]://[host]/repo/type/tag */
struct kbs_uri {
	char *plugin; /* "resource" by default */
	char *path;   /* "repo/type/tag", without leading '/' */
	char *query;  /* NULL when absent */
};
RESULT kbs_uri_parse(const char *text, struct kbs_uri *ret_uri);
void kbs_uri_done(struct kbs_uri *u);
/* Three segments of ^[a-zA-Z0-9_-][a-zA-Z0-9_.-]*$ ; ERR_FORMAT names the segment. */
RESULT kbs_resource_path_check(const char *path);
/* Percent-encodes all but unreserved characters. */
void url_encode(const char *s, struct buf *out);
