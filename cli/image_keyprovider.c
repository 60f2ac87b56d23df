/*
 * ocicrypt's "cmd" key provider, so that stock skopeo and buildah encrypt and decrypt with our
 * keys: one JSON request on standard input, one answer on standard output.
 */
#include "image_commands.h"

#include <base/encode.h>
#include <base/file.h>
#include <image-rs/ocicrypt.h>

enum {
	REQUEST_MAX = 1024 * 1024,
	PARAMETER_MAX = 8 * 1024,
	IMAGE_KEY_SIZE = 32
};

/* keypath=FILE::keyid=URI::algorithm=A256GCM */
struct parameters {
	char *text;
	const char *keypath, *keyid, *algorithm; /* point into text */
};

static void parameters_done(struct parameters *p)
{
	free(p->text);
}

static void take_parameter(struct parameters *p, char *item)
{
	char *equals = strchr(item, '=');

	if (!equals)
		return;
	*equals = '\0';
	if (str_equal(item, "keypath"))
		p->keypath = equals + 1;
	else if (str_equal(item, "keyid"))
		p->keyid = equals + 1;
	else if (str_equal(item, "algorithm"))
		p->algorithm = equals + 1;
}

/* `config`: the ec or dc member; what was written after "provider:attestation-agent:". */
static RESULT read_parameters(const struct json *config, struct parameters *p)
{
	AUTO(buf_done) struct buf text = BUF_INIT(PARAMETER_MAX);
	const struct json *list = json_get(json_get(config, "Parameters"), IMG_ENC_PROVIDER);
	const char *encoded = json_string(json_at(list, 0));

	if (!encoded)
		return err_new(ERR_FORMAT, "no parameters for %s", IMG_ENC_PROVIDER);
	TRY(base64_decode(BASE64_STD, bytes_str(encoded), "parameters", &text));
	TRY(bytes_to_str(buf_bytes(&text), &p->text));
	for (char *item = p->text; item;) {
		char *next = strstr(item, "::");
		if (next) {
			*next = '\0';
			next += 2;
		}
		take_parameter(p, item);
		item = next;
	}
	if (!p->keypath)
		return err_new(ERR_USAGE, "parameters: keypath=FILE is missing");
	if (p->algorithm && !str_equal(p->algorithm, "A256GCM"))
		return err_new(ERR_UNSUPPORTED, "parameters: algorithm %.40s", p->algorithm);
	return OK;
}

static RESULT read_key(const char *path, struct secret **ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMAGE_KEY_SIZE);

	TRY(file_read(path, &text));
	if (text.n != IMAGE_KEY_SIZE)
		return err_new(
			ERR_FORMAT, "%s: %zu bytes instead of %d", path, text.n, IMAGE_KEY_SIZE);
	struct err e = secret_of(buf_bytes(&text), ret);
	bytes_wipe(text.p, text.n);
	return e;
}

static void write_answer(struct buf *out, const char *used, const char *member, const char *other,
	struct bytes value)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_key(&w, used);
	jw_object(&w);
	jw_kbase64(&w, member, value);
	jw_object_end(&w);
	jw_key(&w, other);
	jw_object(&w);
	jw_object_end(&w);
	jw_object_end(&w);
	buf_puts(out, "\n");
}

static RESULT wrap(const struct json *request, struct buf *out)
{
	const struct json *params = json_get(request, "keywrapparams");
	AUTO(parameters_done) struct parameters p = { 0 };
	AUTO(secret_freep) struct secret *kek = NULL;
	AUTO(secret_freep) struct secret *options = NULL;
	AUTO(buf_done) struct buf packet = BUF_INIT(IMG_PACKET_MAX);
	const char *optsdata;

	TRY(read_parameters(json_get(params, "ec"), &p));
	TRY(json_need_string(params, "optsdata", &optsdata));
	if (!p.keyid)
		return err_new(ERR_USAGE, "parameters: keyid=kbs:///... is missing");
	TRY(secret_from_base64(false, bytes_str(optsdata), "optsdata", &options));
	TRY(read_key(p.keypath, &kek));
	TRY(img_packet_seal(p.keyid, secret_bytes(kek), secret_bytes(options), &packet));
	write_answer(out, "keywrapresults", "annotation", "keyunwrapresults", buf_bytes(&packet));
	return OK;
}

static RESULT unwrap(const struct json *request, struct buf *out)
{
	const struct json *params = json_get(request, "keyunwrapparams");
	AUTO(parameters_done) struct parameters p = { 0 };
	AUTO(secret_freep) struct secret *kek = NULL;
	AUTO(secret_freep) struct secret *options = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_PACKET_MAX);
	AUTO(img_packet_done) struct img_packet packet = { 0 };
	const char *annotation;

	TRY(read_parameters(json_get(params, "dc"), &p));
	TRY(json_need_string(params, "annotation", &annotation));
	TRY(base64_decode(BASE64_STD, bytes_str(annotation), "annotation", &text));
	TRY(img_packet_parse(buf_bytes(&text), &packet));
	TRY(read_key(p.keypath, &kek));
	TRY(img_packet_open(&packet, secret_bytes(kek), &options));
	write_answer(out, "keyunwrapresults", "optsdata", "keywrapresults", secret_bytes(options));
	return OK;
}

static RESULT answer(struct bytes in, struct buf *out)
{
	AUTO(json_freep) struct json *request = NULL;
	const char *op;

	TRY(json_parse(in, &request));
	TRY(json_need_string(request, "op", &op));
	if (str_equal(op, "keywrap"))
		return wrap(request, out);
	if (str_equal(op, "keyunwrap"))
		return unwrap(request, out);
	return err_new(ERR_UNSUPPORTED, "operation %.40s", op);
}

static RESULT run(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf in = BUF_INIT(REQUEST_MAX), out = BUF_INIT(REQUEST_MAX);

	(void)options;
	(void)args;
	(void)ret_exit;
	TRY(file_read("-", &in));
	struct err e = answer(buf_bytes(&in), &out);
	if (!failed(e))
		e = buf_end(&out, "answer");
	if (!failed(e))
		e = fd_write_all(STDOUT_FILENO, buf_bytes(&out));
	bytes_wipe(in.p, in.n);
	bytes_wipe(out.p, out.n);
	return failed(e) ? err_add(e, "key provider") : OK;
}

const struct cli_command cmd_image_keyprovider = {
	.name = "keyprovider",
	.summary = "key provider of ocicrypt for skopeo and buildah",
	.run = run,
	.notes = "Named in the file of OCICRYPT_KEYPROVIDER_CONFIG as\n"
		 "{\"key-providers\":{\"attestation-agent\":{\"cmd\":{\"path\":\"sealpod\","
		 "\"args\":[\"image\",\"keyprovider\"]}}}}",
};
