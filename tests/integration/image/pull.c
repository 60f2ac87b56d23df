/*
 * What the hub does for one image, with keys and resources from files:
 * pull UNPACK REFERENCE WORK BUNDLE [policy|auth|ca|sigstore|registries=FILE]... [max=BYTES]
 *      [kbs://...=FILE]...
 * Prints the manifest digest, or the denial's code and the text of the failure.
 */
#include <stdio.h>
#include <stdlib.h>

#include <base/file.h>
#include <image-rs/ocicrypt.h>
#include <image-rs/unpack_client.h>

enum {
	SETTING_MAX = 1024 * 1024
};

struct driver {
	struct loop *loop;
	char **args;
	int status;
	uint64_t last;
};

/* "name=value" -> value */
static const char *argument(const struct driver *d, const char *name)
{
	size_t n = strlen(name);

	for (char **a = d->args; *a; a++)
		if (strncmp(*a, name, n) == 0 && (*a)[n] == '=')
			return *a + n + 1;
	return NULL;
}

static RESULT on_resource(void *arg, const char *uri, struct buf *ret)
{
	const char *path = argument(arg, uri);

	if (!path)
		return err_deny(ERR_DENIED, "policy.resource", "resource", NULL, uri);
	return file_read(path, ret);
}

static RESULT on_unwrap(void *arg, struct bytes packet, struct secret **ret_options)
{
	AUTO(buf_done) struct buf kek = BUF_INIT(SETTING_MAX);
	AUTO(img_packet_done) struct img_packet p = { 0 };

	TRY(img_packet_parse(packet, &p));
	TRY(on_resource(arg, p.kid, &kek));
	return img_packet_open(&p, buf_bytes(&kek), ret_options);
}

static void on_progress(void *arg, size_t layer, size_t layers, uint64_t done, uint64_t total)
{
	struct driver *d = arg;

	if (done < d->last || layer >= layers || done > total)
		printf("progress goes backwards\n");
	d->last = done;
}

static void on_done(void *arg, struct err e, const struct img_pulled *pulled)
{
	struct driver *d = arg;
	const struct denial *denial = failed(e) ? err_denial() : NULL;

	d->status = failed(e);
	if (failed(e))
		printf("%s %s: %s\n", denial ? denial->code : "-", err_code_name(e.code),
			err_text());
	else
		printf("%s %zu\n", pulled->manifest_digest, pulled->config.n);
	loop_stop(d->loop, 0);
}

static RESULT load(const struct driver *d, const char *name, struct buf *out)
{
	const char *path = argument(d, name);

	return path ? file_read(path, out) : OK;
}

static RESULT run(struct driver *d, char **v)
{
	struct img_callbacks callbacks = {
		.unwrap_key = on_unwrap,
		.resource = on_resource,
		.progress = on_progress,
		.arg = d,
	};
	AUTO(buf_done) struct buf policy = BUF_INIT(SETTING_MAX), auth = BUF_INIT(SETTING_MAX),
				  ca = BUF_INIT(SETTING_MAX), sigstore = BUF_INIT(SETTING_MAX),
				  registries = BUF_INIT(SETTING_MAX);
	const char *max = argument(d, "max");
	struct unpack *u = NULL;
	int ignored;

	TRY(load(d, "policy", &policy));
	TRY(load(d, "auth", &auth));
	TRY(load(d, "ca", &ca));
	TRY(load(d, "sigstore", &sigstore));
	TRY(load(d, "registries", &registries));
	struct img_pull_request request = {
		.reference = v[2],
		.work_dir = v[3],
		.bundle = v[4],
		.policy_json = buf_bytes(&policy),
		.auth_json = buf_bytes(&auth),
		.ca_pem = buf_bytes(&ca),
		.sigstore_config = buf_bytes(&sigstore),
		.registry_config = buf_bytes(&registries),
		.max_unpacked = max ? strtoull(max, NULL, 10) : 0,
		.callbacks = &callbacks,
	};
	struct unpack_start start = {
		.program = v[1], .pull = &request, .done = on_done, .arg = d
	};
	TRY(loop_new(&d->loop));
	TRY(unpack_start(d->loop, &start, &u));
	struct err e = loop_run(d->loop, &ignored);
	unpack_free(u);
	loop_freep(&d->loop);
	return e;
}

int main(int argc, char **argv)
{
	struct driver d = { .args = argv + (argc > 5 ? 5 : argc) };

	if (argc < 5) {
		(void)fprintf(stderr, "usage: pull UNPACK REFERENCE WORK BUNDLE [NAME=VALUE]...\n");
		return 2;
	}
	struct err e = run(&d, argv);
	if (failed(e)) {
		printf("- %s\n", err_text());
		return 2;
	}
	return d.status;
}
