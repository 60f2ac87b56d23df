/* sealpod collateral: what vendors publish, kept for verdicts without network. */
#include "commands.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <attestation/attestation.h>
#include <base/clock.h>
#include <base/encode.h>
#include <base/file.h>
#include <collateral/fetch.h>
#include <tee/needs.h>

enum {
	EVIDENCE_MAX = 4 * 1024 * 1024,
	OUT_MAX = 8 * 1024 * 1024,
	DAY_S = 24 * 60 * 60,
	HOUR_S = 60 * 60,
	INTERVAL_MS = 200,
	EXPIRED = 1, /* exit status */
};

#define STORE_DEFAULT "/var/lib/sealpod/collateral"
#define KDS_URL	      "https://kdsintf.amd.com"
#define PCS_URL	      "https://api.trustedservices.intel.com"
#define ROOT_CRL_URL  "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"

static RESULT print(struct buf *out)
{
	TRY(buf_end(out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(out));
}

/* A user without the rights of root keeps a store of their own. */
static RESULT store_path(const char *given, char **ret_path)
{
	if (given)
		return str_dup(given, ret_path);
	if (geteuid() == 0)
		return str_dup(STORE_DEFAULT, ret_path);
	const struct passwd *user = getpwuid(geteuid());
	if (!user)
		return err_new(ERR_USAGE, "no home directory is known: give --store");
	return str_format(ret_path, "%s/.local/share/sealpod/collateral", user->pw_dir);
}

static RESULT open_store(const char *given, bool create, struct cstore **ret_store)
{
	AUTO(auto_free) char *path = NULL;

	TRY(store_path(given, &path));
	return cstore_open(path, create, ret_store);
}

/* ---- fetch ---- */

struct fetch_options {
	const char *store, *kds_url, *pcs_url, *pccs_url, *root_crl_url, *ca, *chip_id;
	struct strv evidence, snp_product, fmspc, tcb;
	bool intel, all_crls;
	uint64_t refresh_after, interval;
};

#define FETCH(word, member, k, placeholder, text)                                                  \
	{                                                                                          \
		.name = (word), .kind = (k), .offset = offsetof(struct fetch_options, member),     \
		.value = (placeholder), .help = (text)                                             \
	}

static const struct cli_option fetch_table[] = {
	FETCH("store", store, CLI_STRING, "DIR", "where it is kept (" STORE_DEFAULT ")"),
	FETCH("evidence", evidence, CLI_LIST, "FILE",
		"fetch what the verdict over this evidence needs; may be given again"),
	FETCH("snp-product", snp_product, CLI_LIST, "NAME",
		"chains and lists of Milan, Genoa or Turin; may be given again"),
	FETCH("chip-id", chip_id, CLI_STRING, "HEX",
		"certificate of this chip, of the one --snp-product, with --tcb"),
	FETCH("tcb", tcb, CLI_LIST, "NAME=N",
		"its firmware: bootloader, tee, snp, microcode, fmc; 0 when not given"),
	FETCH("all-crls", all_crls, CLI_FLAG, NULL,
		"chains and lists of all products of AMD, lists of Intel"),
	FETCH("fmspc", fmspc, CLI_LIST, "HEX", "TCB info of this platform; may be given again"),
	FETCH("intel", intel, CLI_FLAG, NULL, "QE identities and revocation lists of Intel"),
	FETCH("kds-url", kds_url, CLI_STRING, "URL", "AMD's server (" KDS_URL ")"),
	FETCH("pcs-url", pcs_url, CLI_STRING, "URL", "Intel's, or a PCCS (" PCS_URL ")"),
	FETCH("pccs-url", pccs_url, CLI_STRING, "URL", "another word for --pcs-url"),
	FETCH("root-crl-url", root_crl_url, CLI_STRING, "URL",
		"Intel's root revocation list (of a PCCS when --pcs-url is given)"),
	FETCH("ca", ca, CLI_STRING, "FILE", "further root of the servers' certificates (PEM)"),
	{ .name = "refresh-after",
		.kind = CLI_U64,
		.offset = offsetof(struct fetch_options, refresh_after),
		.value = "SECONDS",
		.max = INT32_MAX,
		.help = "younger objects are not fetched again (3600)" },
	{ .name = "interval",
		.kind = CLI_U64,
		.offset = offsetof(struct fetch_options, interval),
		.value = "MS",
		.max = 60000,
		.help = "least time between two requests to one server (200)" },
	{ 0 },
};

struct fetching {
	struct cstore *store;
	struct fetch_config config;
	struct fetch_count count;
	struct fetch_pace pace;
	struct buf ca;
	struct buf lines; /* outcomes as JSON */
	struct json_writer w;
	bool json;
};

static void fetching_done(struct fetching *f)
{
	cstore_freep(&f->store);
	buf_done(&f->ca);
	buf_done(&f->lines);
}

static void progress(void *arg, const char *url, const char *outcome)
{
	struct fetching *f = arg;

	if (!f->json) {
		(void)printf("%s: %s\n", url, outcome);
		(void)fflush(stdout);
		return;
	}
	jw_object(&f->w);
	jw_kstr(&f->w, "url", url);
	jw_kstr(&f->w, "outcome", outcome);
	jw_object_end(&f->w);
}

static RESULT fetch_evidence(struct fetching *f, const char *path)
{
	AUTO(buf_done) struct buf file = BUF_INIT(EVIDENCE_MAX), raw = BUF_INIT(EVIDENCE_MAX);
	AUTO(json_freep) struct json *json = NULL;
	const char *form;
	struct tee_needs n;

	TRY(file_read(path, &file));
	TRY(evidence_decode(buf_bytes(&file), &raw, &json, &form));
	const struct tee_verify_input in = { .evidence = json, .raw = buf_bytes(&raw) };
	struct err e = tee_needs_of(&in, &n);
	if (failed(e))
		return err_add(e, "%s", path);
	if (n.amd_product[0])
		TRY(fetch_amd_product(f->store, &f->config, n.amd_product, &f->count));
	if (n.vcek[0])
		TRY(fetch_vcek(f->store, &f->config, n.vcek, &f->count));
	if (!n.fmspc[0])
		return OK;
	TRY(fetch_tcb_info(f->store, &f->config, n.fmspc, n.tdx, &f->count));
	return fetch_intel_common(f->store, &f->config, &f->count);
}

static RESULT tcb_part(const char *rule, struct tee_vcek *v)
{
	const struct {
		const char *name;
		uint8_t *to;
	} parts[] = {
		{ "bootloader=", &v->bootloader },
		{ "tee=", &v->tee },
		{ "snp=", &v->snp },
		{ "microcode=", &v->microcode },
		{ "fmc=", &v->fmc },
	};
	uint64_t n;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (!str_starts(rule, parts[i].name))
			continue;
		TRY(str_to_u64(rule + strlen(parts[i].name), UINT8_MAX, "--tcb", &n));
		*parts[i].to = (uint8_t)n;
		return OK;
	}
	return err_new(
		ERR_USAGE, "--tcb '%.64s': known are bootloader, tee, snp, microcode, fmc", rule);
}

static RESULT fetch_chip(struct fetching *f, const struct fetch_options *o)
{
	AUTO(buf_done) struct buf id = BUF_INIT(EVIDENCE_MAX);
	char path[NEEDS_QUERY_MAX];

	if (o->snp_product.n != 1)
		return err_new(ERR_USAGE, "--chip-id: give the one --snp-product it is of");
	TRY(hex_decode(bytes_str(o->chip_id), "--chip-id", &id));
	struct tee_vcek v = { .product = o->snp_product.v[0], .chip_id = buf_bytes(&id) };
	for (size_t i = 0; i < o->tcb.n; i++)
		TRY(tcb_part(o->tcb.v[i], &v));
	TRY(tee_vcek_query(&v, path));
	return fetch_vcek(f->store, &f->config, path, &f->count);
}

static RESULT fetch_all_crls(struct fetching *f)
{
	static const char *const products[] = { "Milan", "Genoa", "Turin" };

	for (size_t i = 0; i < ARRAY_LEN(products); i++)
		TRY(fetch_amd_product(f->store, &f->config, products[i], &f->count));
	return fetch_intel_common(f->store, &f->config, &f->count);
}

static RESULT fetch_all(struct fetching *f, const struct fetch_options *o)
{
	if (o->chip_id)
		TRY(fetch_chip(f, o));
	if (o->all_crls)
		TRY(fetch_all_crls(f));
	for (size_t i = 0; i < o->evidence.n; i++)
		TRY(fetch_evidence(f, o->evidence.v[i]));
	for (size_t i = 0; i < o->snp_product.n; i++)
		TRY(fetch_amd_product(f->store, &f->config, o->snp_product.v[i], &f->count));
	for (size_t i = 0; i < o->fmspc.n; i++) {
		TRY(fetch_tcb_info(f->store, &f->config, o->fmspc.v[i], true, &f->count));
		TRY(fetch_tcb_info(f->store, &f->config, o->fmspc.v[i], false, &f->count));
	}
	return o->intel ? fetch_intel_common(f->store, &f->config, &f->count) : OK;
}

static void configure(struct fetching *f, const struct fetch_options *o)
{
	const char *pcs = o->pcs_url ? o->pcs_url : o->pccs_url;

	f->config = (struct fetch_config){
		.kds_url = o->kds_url ? o->kds_url : KDS_URL,
		.pcs_url = pcs ? pcs : PCS_URL,
		.root_crl_url = o->root_crl_url ? o->root_crl_url
				: pcs		? NULL
						: ROOT_CRL_URL,
		.ca_pem = buf_bytes(&f->ca),
		.refresh_after_s = o->refresh_after ? (int64_t)o->refresh_after : HOUR_S,
		.now = clock_now(),
		.interval_ms = o->interval ? (unsigned)o->interval : INTERVAL_MS,
		.pace = &f->pace,
		.progress = progress,
		.progress_arg = f,
	};
}

static RESULT report_fetch(struct fetching *f)
{
	if (!f->json) {
		(void)printf("%u fetched, %u fresh, %u failed\n", f->count.fetched, f->count.fresh,
			f->count.failed);
		return OK;
	}
	jw_array_end(&f->w);
	jw_object_end(&f->w);
	buf_puts(&f->lines, "\n");
	return print(&f->lines);
}

static RESULT fetch_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct fetch_options *o = options;
	AUTO(fetching_done) struct fetching f = {
		.ca = BUF_INIT(EVIDENCE_MAX), .lines = BUF_INIT(OUT_MAX), .json = args->json
	};

	if (o->evidence.n + o->snp_product.n + o->fmspc.n == 0 && !o->intel && !o->all_crls)
		return err_new(ERR_USAGE,
			"nothing to fetch: give --evidence, --snp-product, --fmspc, --intel or "
			"--all-crls");
	if (o->ca)
		TRY(file_read(o->ca, &f.ca));
	f.w = jw_of(&f.lines);
	jw_object(&f.w);
	jw_key(&f.w, "addresses");
	jw_array(&f.w);
	TRY(open_store(o->store, true, &f.store));
	configure(&f, o);
	/* What was fetched before a failure is kept. */
	struct err e = fetch_all(&f, o);
	struct err_saved saved;
	if (failed(e))
		err_save(e, &saved);
	TRY(cstore_commit(f.store));
	if (failed(e))
		return err_restore(&saved);
	*ret_exit = f.count.failed > 0 ? EXPIRED : 0;
	return report_fetch(&f);
}

/* ---- status ---- */

struct store_options {
	const char *store;
};

static const struct cli_option store_table[] = {
	{ .name = "store",
		.kind = CLI_STRING,
		.offset = offsetof(struct store_options, store),
		.value = "DIR",
		.help = "where it is kept (" STORE_DEFAULT ")" },
	{ 0 },
};

static bool is_expired(const struct cstore_item *i, int64_t now)
{
	return i->not_after != 0 && i->not_after < now;
}

static bool is_damaged(const struct strv *damaged, const struct cstore_item *i)
{
	for (size_t k = 0; k < damaged->n; k++)
		if (str_equal(damaged->v[k], i->sha256))
			return true;
	return false;
}

static const char *state_of(const struct strv *damaged, const struct cstore_item *i, int64_t now)
{
	if (is_damaged(damaged, i))
		return "damaged";
	return is_expired(i, now) ? "EXPIRED" : "valid";
}

static void put_row(struct buf *out, const struct cstore_item *i, const char *state, int64_t now)
{
	char until[RFC3339_SIZE] = "-", days[24] = "-";

	if (i->not_after) {
		clock_format(i->not_after, until);
		(void)snprintf(
			days, sizeof(days), "%lld", (long long)((i->not_after - now) / DAY_S));
	}
	buf_printf(out, "%-8s %-20s %6s  %-16s %s\n", state, until, days, i->kind, i->subject);
	buf_printf(out, "         fetched %lld h ago from %s\n",
		(long long)((now - i->fetched) / HOUR_S), i->source);
}

static void write_row(struct json_writer *w, const struct cstore_item *i, const char *state)
{
	char text[RFC3339_SIZE];

	jw_object(w);
	jw_kstr(w, "state", state);
	jw_kstr(w, "kind", i->kind);
	jw_kstr(w, "subject", i->subject);
	jw_kstr(w, "source", i->source);
	jw_kstr(w, "sha256", i->sha256);
	clock_format(i->fetched, text);
	jw_kstr(w, "fetched", text);
	if (i->not_after) {
		clock_format(i->not_after, text);
		jw_kstr(w, "not_after", text);
	}
	jw_object_end(w);
}

static RESULT status_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct store_options *o = options;
	AUTO(cstore_freep) struct cstore *s = NULL;
	AUTO(collateral_freep) struct collateral *c = NULL;
	AUTO(strv_done) struct strv damaged = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w = jw_of(&out);
	int64_t now = clock_now();

	TRY(open_store(o->store, false, &s));
	TRY(collateral_new(&c));
	TRY(cstore_load(s, c, &damaged));
	if (args->json)
		jw_array(&w);
	else
		buf_puts(&out, "STATE    VALID UNTIL            DAYS  KIND             SUBJECT\n");
	for (size_t i = 0; i < s->n_items; i++) {
		const char *state = state_of(&damaged, &s->items[i], now);
		if (!str_equal(state, "valid"))
			*ret_exit = EXPIRED;
		if (args->json)
			write_row(&w, &s->items[i], state);
		else
			put_row(&out, &s->items[i], state, now);
	}
	if (args->json) {
		jw_array_end(&w);
		buf_puts(&out, "\n");
	}
	return print(&out);
}

/* ---- export and import ---- */

static RESULT export_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct store_options *o = options;
	AUTO(cstore_freep) struct cstore *s = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(CSTORE_BUNDLE_MAX);

	(void)ret_exit;
	TRY(open_store(o->store, false, &s));
	TRY(cstore_export(s, &out));
	if (str_equal(args->v[0], "-"))
		return print(&out);
	return file_write_atomic(args->v[0], buf_bytes(&out), 0644);
}

static bool is_bundle(struct bytes file)
{
	AUTO(json_freep) struct json *root = NULL;

	return file.n > 0 && file.p[0] == '{' && !failed(json_parse(file, &root)) &&
	       json_get(root, "items") && json_get(root, "version");
}

static RESULT import_file(struct cstore *s, const char *path, size_t *ret_added)
{
	AUTO(buf_done) struct buf file = BUF_INIT(CSTORE_BUNDLE_MAX);

	TRY(file_read(path, &file));
	if (is_bundle(buf_bytes(&file)))
		return cstore_import(s, buf_bytes(&file), clock_now(), ret_added);
	*ret_added = 1;
	return cstore_add(s, buf_bytes(&file), "import", clock_now());
}

static RESULT import_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct store_options *o = options;
	AUTO(cstore_freep) struct cstore *s = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(OUT_MAX);
	size_t added, total = 0;

	(void)ret_exit;
	TRY(open_store(o->store, true, &s));
	for (size_t i = 0; i < args->n; i++) {
		struct err e = import_file(s, args->v[i], &added);
		if (failed(e))
			return err_add(e, "%s", args->v[i]);
		total += added;
	}
	TRY(cstore_commit(s));
	buf_printf(&out, args->json ? "{\"imported\":%zu}\n" : "%zu imported\n", total);
	return print(&out);
}

static const struct cli_command cmd_fetch = {
	.name = "fetch",
	.summary = "get what is published from AMD and Intel",
	.options = fetch_table,
	.options_size = sizeof(struct fetch_options),
	.run = fetch_run,
	.notes = "A server that is down or asks to be left alone leaves what the store has.\n"
		 "\n"
		 "Exit status: 0 all is there, 1 something could not be fetched.",
};

static const struct cli_command cmd_status = {
	.name = "status",
	.summary = "print what is kept and when it expires",
	.options = store_table,
	.options_size = sizeof(struct store_options),
	.run = status_run,
	.notes = "Exit status: 0 all is valid, 1 something is expired or damaged.",
};

static const struct cli_command cmd_export = {
	.name = "export",
	.summary = "write everything into one file, for a site without network",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.options = store_table,
	.options_size = sizeof(struct store_options),
	.run = export_run,
};

static const struct cli_command cmd_import = {
	.name = "import",
	.summary = "add an exported file, or single certificates, lists and TCB info",
	.operands = "FILE...",
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.options = store_table,
	.options_size = sizeof(struct store_options),
	.run = import_run,
};

static const struct cli_command *const commands[] = { &cmd_fetch, &cmd_import, &cmd_export,
	&cmd_status, NULL };

const struct cli_command cmd_collateral = {
	.name = "collateral",
	.summary = "certificates, revocation lists and TCB info that verdicts need",
	.commands = commands,
};
