/* sealpod image se-build: a Secure Execution boot image. */
#include "image_commands.h"
#include "image_se.h"

#include <stdio.h>
#include <unistd.h>

#include <base/clock.h>
#include <base/file.h>
#include <measured-boot/initdata.h>

#define LOADERS_PVIMG	   "/usr/share/s390-tools/pvimg/"
#define LOADERS_GENPROTIMG "/usr/share/s390-tools/genprotimg/"

enum {
	IMAGE_MODE = 0644,
	INITDATA_FILE_MAX = 2 * 1024 * 1024, /* base64 of the largest, and more */
	OUT_MAX = 64 * 1024
};

struct build_options {
	const char *kernel, *initrd, *append, *initdata, *output, *stage3a, *stage3b, *root_ca, *at;
	const char *comm_key, *header_key, *image_key, *customer_key;
	struct strv documents, certs, crls;
	bool no_verify, overwrite, dump, no_pckmo, pckmo_hmac, backup_keys, no_encryption;
	bool cck_extension_secret, cck_update;
};

#define ROW(word, member, k, placeholder, text)                                                    \
	{                                                                                          \
		.name = (word), .kind = (k), .offset = offsetof(struct build_options, member),     \
		.value = (placeholder), .help = (text)                                             \
	}
#define FILE_ROW(word, member, text) ROW(word, member, CLI_STRING, "FILE", text)
#define FLAG_ROW(word, member, text) ROW(word, member, CLI_FLAG, NULL, text)

static const struct cli_option build_table[] = {
	{ .name = "kernel",
		.kind = CLI_STRING,
		.offset = offsetof(struct build_options, kernel),
		.value = "FILE",
		.help = "kernel for s390x (bzImage)",
		.required = true },
	FILE_ROW("initrd", initrd, "initial ramdisk"),
	ROW("append", append, CLI_STRING, "TEXT", "kernel command line"),
	FILE_ROW("initdata", initdata, "bind this initdata: its digest goes into the command line"),
	{ .name = "host-key-document",
		.letter = 'k',
		.kind = CLI_LIST,
		.offset = offsetof(struct build_options, documents),
		.value = "FILE",
		.help = "a host that may start the image; may be given again",
		.required = true },
	{ .name = "output",
		.letter = 'o',
		.kind = CLI_STRING,
		.offset = offsetof(struct build_options, output),
		.value = "FILE",
		.help = "the image",
		.required = true },
	ROW("cert", certs, CLI_LIST, "FILE",
		"IBM's signing certificate, and CAs between it and the root"),
	ROW("crl", crls, CLI_LIST, "FILE", "revocation lists of all their issuers"),
	FILE_ROW("root-ca", root_ca, "root of the signing certificate (DigiCert's)"),
	FLAG_ROW("no-verify", no_verify, "take host key documents as they are: anybody's, maybe"),
	ROW("at", at, CLI_STRING, "RFC3339", "time that certificates are judged at (now)"),
	FILE_ROW("stage3a", stage3a, "loader (s390-tools' stage3a.bin)"),
	FILE_ROW("stage3b", stage3b, "loader inside the guest (s390-tools' stage3b_reloc.bin)"),
	FILE_ROW("comm-key", comm_key, "customer communication key, 32 bytes (random)"),
	FILE_ROW("header-key", header_key, "key of the header, 32 bytes (random)"),
	FILE_ROW("image-key", image_key, "key of the components, 64 bytes (random)"),
	FILE_ROW("customer-key", customer_key, "private key on P-521 of the key slots (random)"),
	FLAG_ROW("enable-dump", dump, "let the host dump the guest, encrypted"),
	FLAG_ROW("disable-pckmo", no_pckmo, "no protected DEA, AES and ECC keys in the guest"),
	FLAG_ROW("enable-pckmo-hmac", pckmo_hmac, "protected HMAC keys in the guest"),
	FLAG_ROW("enable-backup-keys", backup_keys, "slots may be of hosts' backup keys"),
	FLAG_ROW("disable-image-encryption", no_encryption,
		"components are readable by the host, though not changeable"),
	FLAG_ROW("enable-cck-extension-secret", cck_extension_secret,
		"add-secret requests must prove the communication key"),
	FLAG_ROW("enable-cck-update", cck_update, "the communication key may be replaced"),
	FLAG_ROW("overwrite", overwrite, "replace an existing image"),
	{ 0 },
};

/* ---- hosts ---- */

static RESULT add_collateral(const struct strv *paths, const char *option, struct collateral *c)
{
	for (size_t i = 0; i < paths->n; i++) {
		AUTO(buf_done) struct buf file = BUF_INIT(COLLATERAL_FILE_MAX);
		TRY(se_read(paths->v[i], option, &file));
		TRY(collateral_add(c, buf_bytes(&file), paths->v[i]));
	}
	return OK;
}

static RESULT add_document(
	struct se_hosts *hosts, const struct tee_verify_input *in, const char *path)
{
	AUTO(buf_done) struct buf file = BUF_INIT(COLLATERAL_FILE_MAX);

	TRY(se_read(path, "host-key-document", &file));
	return in ? se_hosts_add(hosts, in, buf_bytes(&file), path)
		  : se_hosts_add_unverified(hosts, buf_bytes(&file), path);
}

static RESULT add_documents(
	const struct build_options *o, const struct tee_verify_input *in, struct se_hosts *hosts)
{
	for (size_t i = 0; i < o->documents.n; i++)
		TRY(add_document(hosts, in, o->documents.v[i]));
	return OK;
}

static RESULT read_root(const char *path, struct x509_list *vendor)
{
	AUTO(buf_done) struct buf file = BUF_INIT(COLLATERAL_FILE_MAX);

	if (!path)
		return OK;
	TRY(se_read(path, "root-ca", &file));
	return x509_list_parse(buf_bytes(&file), vendor);
}

static RESULT get_hosts(const struct build_options *o, struct se_hosts *hosts)
{
	AUTO(collateral_freep) struct collateral *collateral = NULL;
	AUTO(x509_list_done) struct x509_list vendor = { 0 };
	struct tee_anchors anchors = { 0 };
	struct tee_verify_input in = { .anchors = &anchors, .now = clock_now() };

	if (o->no_verify) {
		(void)fputs("warning: host key documents are not verified: their owners, whoever "
			    "that is, can read the image\n",
			stderr);
		return add_documents(o, NULL, hosts);
	}
	if (o->at)
		TRY(clock_parse(o->at, &in.now));
	TRY(collateral_new(&collateral));
	TRY(add_collateral(&o->certs, "cert", collateral));
	TRY(add_collateral(&o->crls, "crl", collateral));
	TRY(read_root(o->root_ca, &vendor));
	anchors.vendor = vendor;
	in.collateral = collateral;
	return add_documents(o, &in, hosts);
}

/* ---- what goes in ---- */

struct inputs {
	struct buf kernel, initrd, stage3a, stage3b;
	struct secret *cck, *header_key, *image_key;
	struct key *customer;
};

static void inputs_done(struct inputs *in)
{
	buf_done(&in->kernel);
	buf_done(&in->initrd);
	buf_done(&in->stage3a);
	buf_done(&in->stage3b);
	secret_free(in->cck);
	secret_free(in->header_key);
	secret_free(in->image_key);
	key_free(in->customer);
}

/* Where s390-tools puts it, since version 2.36 and before. */
static RESULT read_loader(
	const char *given, const char *option, const char *fixed, const char *old, struct buf *out)
{
	if (given)
		return se_read(given, option, out);
	const char *path = file_exists(fixed) ? fixed : old;
	if (!file_exists(path))
		return err_new(ERR_NOT_FOUND,
			"no loader at %s or %s: install s390-tools or give --%s", fixed, old,
			option);
	return se_read(path, option, out);
}

static RESULT read_inputs(const struct build_options *o, struct inputs *in)
{
	TRY(se_read(o->kernel, "kernel", &in->kernel));
	if (o->initrd)
		TRY(se_read(o->initrd, "initrd", &in->initrd));
	TRY(read_loader(o->stage3a, "stage3a", LOADERS_PVIMG "stage3a.bin",
		LOADERS_GENPROTIMG "stage3a.bin", &in->stage3a));
	TRY(read_loader(o->stage3b, "stage3b", LOADERS_PVIMG "stage3b_reloc.bin",
		LOADERS_GENPROTIMG "stage3b_reloc.bin", &in->stage3b));
	TRY(se_read_key(o->comm_key, "comm-key", SE_CCK, &in->cck));
	TRY(se_read_key(o->header_key, "header-key", SE_KEY_SIZE, &in->header_key));
	TRY(se_read_key(o->image_key, "image-key", SE_IMAGE_KEY, &in->image_key));
	return se_read_private(o->customer_key, "customer-key", &in->customer);
}

static uint64_t mask_if(bool wanted, unsigned bit)
{
	return wanted ? se_flag_mask(bit) : 0;
}

static uint64_t plain_flags(const struct build_options *o)
{
	return (o->no_pckmo ? 0 : se_plain_flags_default()) | mask_if(o->dump, SE_PCF_DUMP) |
	       mask_if(o->no_encryption, SE_PCF_NO_COMPONENT_ENCRYPTION) |
	       mask_if(o->pckmo_hmac, SE_PCF_PCKMO_HMAC) |
	       mask_if(o->backup_keys, SE_PCF_BACKUP_KEYS);
}

static uint64_t secret_flags(const struct build_options *o)
{
	return mask_if(o->cck_extension_secret, SE_SCF_CCK_EXTENSION_SECRET) |
	       mask_if(o->cck_update, SE_SCF_CCK_UPDATE);
}

static struct bytes key_bytes(const struct secret *s)
{
	return s ? secret_bytes(s) : BYTES_NONE;
}

/* Nothing else of this platform binds initdata. */
static RESULT bind_initdata(const struct build_options *o, char **ret_append)
{
	AUTO(buf_done) struct buf file = BUF_INIT(INITDATA_FILE_MAX), toml = BUF_INIT(INITDATA_MAX);
	struct digest_value d;

	if (!o->initdata)
		return OK;
	TRY(se_read(o->initdata, "initdata", &file));
	TRY(initdata_any_parse(buf_bytes(&file), &toml));
	TRY(initdata_digest(buf_bytes(&toml), &d));
	return initdata_append(o->append ? o->append : "", &d, ret_append);
}

/* ---- the command ---- */

static RESULT check_options(const struct build_options *o)
{
	if (!o->overwrite && file_exists(o->output))
		return err_new(ERR_USAGE, "%s exists already (--overwrite replaces it)", o->output);
	if (o->no_verify && (o->certs.n > 0 || o->crls.n > 0 || o->root_ca))
		return err_new(ERR_USAGE, "--no-verify, or certificates to verify by: not both");
	if (!o->no_verify && o->certs.n == 0)
		return err_new(ERR_USAGE,
			"--cert: give IBM's signing certificate and its CA, and their --crl");
	if (o->cck_extension_secret && !o->comm_key)
		return err_new(ERR_USAGE,
			"--enable-cck-extension-secret: with a --comm-key that you have, or no "
			"secret could ever be added");
	return OK;
}

static RESULT print_measurement(const struct build_options *o, struct bytes image, bool json)
{
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct se_image_measurement m;

	TRY(se_image_measure(image, &m));
	if (json) {
		struct json_writer w = jw_of(&out);
		jw_object(&w);
		jw_kstr(&w, "image", o->output);
		jw_kbool(&w, "hosts_verified", !o->no_verify);
		se_measurement_json(&m, &w);
		jw_object_end(&w);
		buf_puts(&out, "\n");
	} else {
		se_measurement_text(&m, &out);
	}
	TRY(buf_end(&out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

static RESULT run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct build_options *o = options;
	AUTO(se_hosts_done) struct se_hosts hosts = { 0 };
	AUTO(buf_done) struct buf image = BUF_INIT(SE_IMAGE_MAX);
	AUTO(inputs_done) struct inputs in = { .kernel = BUF_INIT(SE_IMAGE_MAX),
		.initrd = BUF_INIT(SE_IMAGE_MAX),
		.stage3a = BUF_INIT(SE_IMAGE_MAX),
		.stage3b = BUF_INIT(SE_IMAGE_MAX) };

	AUTO(auto_free) char *append = NULL;

	(void)ret_exit;
	TRY(check_options(o));
	TRY(get_hosts(o, &hosts));
	TRY(bind_initdata(o, &append));
	TRY(read_inputs(o, &in));
	const struct se_image_make m = {
		.kernel = buf_bytes(&in.kernel),
		.initrd = buf_bytes(&in.initrd),
		.append = append ? append : o->append,
		.stage3a = buf_bytes(&in.stage3a),
		.stage3b = buf_bytes(&in.stage3b),
		.hosts = (const struct key *const *)hosts.v,
		.n_hosts = hosts.n,
		.plain_flags = plain_flags(o),
		.secret_flags = secret_flags(o),
		.keys = { .header_key = key_bytes(in.header_key),
			.image_key = key_bytes(in.image_key),
			.cck = key_bytes(in.cck),
			.customer = in.customer },
	};
	TRY(se_image_make(&m, &image));
	TRY(file_write_atomic(o->output, buf_bytes(&image), IMAGE_MODE));
	return print_measurement(o, buf_bytes(&image), args->json);
}

const struct cli_command cmd_image_se_build = {
	.name = "se-build",
	.summary = "make a Secure Execution boot image (s390x)",
	.options = build_table,
	.options_size = sizeof(struct build_options),
	.run = run,
	.notes = "Prints what attestation will say of the image: reference values of platform se.\n"
		 "Loaders are s390-tools', below /usr/share/s390-tools/pvimg or genprotimg.",
};
