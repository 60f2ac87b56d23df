/* sealpod verify PLATFORM: the verdict over evidence, offline. */
#include "commands.h"
#include "policy.h"

#include <stdio.h>
#include <unistd.h>

#include <base/file.h>
#include <runtime/policy_explain.h>
#include <sealpod/verify.h>

enum {
	INSPECT_MAX = 1024 * 1024 * 1024 /* boot images */
};

struct verify_options {
	const char *evidence, *at, *nonce, *report_data, *init_data, *measurement, *policy;
	const char *crl_required;
	struct strv collateral, certs, root, simulated_root, min_tcb, tcb_status, reference;
	uint64_t vmpl, max_staleness;
	bool allow_debug;
	const char *event_log, *signature, *pcrs, *ak, *ak_cert, *ek_cert, *quote, *td_quote, *vcek;
	const char *se_header, *request_key, *se_key, *tik, *certificates;
};

#define OPTION(word, member, k, placeholder, text)                                                 \
	{                                                                                          \
		.name = (word), .kind = (k), .offset = offsetof(struct verify_options, member),    \
		.value = (placeholder), .help = (text)                                             \
	}

static const struct cli_option verify_table[] = {
	{ .name = "evidence",
		.letter = 'e',
		.kind = CLI_STRING,
		.offset = offsetof(struct verify_options, evidence),
		.value = "FILE",
		.help = "binary, hex or base64 text, or JSON; - is standard input",
		.required = true },
	OPTION("collateral", collateral, CLI_LIST, "PATH",
		"file, directory or store of certificates, CRLs, TCB info; may be given again"),
	OPTION("certs", certs, CLI_LIST, "PATH", "another word for --collateral"),
	OPTION("root", root, CLI_LIST, "FILE", "in place of the vendor roots built in"),
	OPTION("simulated-root", simulated_root, CLI_LIST, "FILE",
		"root of simulated platforms; claims say so"),
	OPTION("at", at, CLI_STRING, "RFC3339", "time of the verdict (now)"),
	OPTION("nonce", nonce, CLI_STRING, "HEX", "another word for --report-data"),
	OPTION("report-data", report_data, CLI_STRING, "HEX", "what the guest had to put in"),
	OPTION("init-data", init_data, CLI_STRING, "FILE|HEX", "initdata, or its digest"),
	OPTION("measurement", measurement, CLI_STRING, "HEX", "launch measurement"),
	OPTION("reference", reference, CLI_LIST, "FILE", "reference values"),
	OPTION("policy", policy, CLI_STRING, "FILE", "demands on claims (TOML or JSON)"),
	OPTION("min-tcb", min_tcb, CLI_LIST, "NAME=N", "lowest version of a TCB part"),
	OPTION("tcb-status", tcb_status, CLI_LIST, "NAME", "accepted beside UpToDate (TDX, SGX)"),
	{ .name = "vmpl",
		.kind = CLI_U64,
		.offset = offsetof(struct verify_options, vmpl),
		.value = "N",
		.max = 3,
		.help = "highest VMPL accepted (SNP; 0)" },
	{ .name = "max-staleness",
		.kind = CLI_U64,
		.offset = offsetof(struct verify_options, max_staleness),
		.value = "SECONDS",
		.max = INT32_MAX,
		.help = "how long CRLs and TCB info may be past their nextUpdate (0)" },
	OPTION("allow-debug", allow_debug, CLI_FLAG, NULL,
		"accept guests whose memory the host may read"),
	{ .name = "crl-required",
		.kind = CLI_CHOICE,
		.offset = offsetof(struct verify_options, crl_required),
		.value = "WORD",
		.choices = "yes|no",
		.help = "whether a missing revocation list is a failure (yes)" },
	OPTION("event-log", event_log, CLI_STRING, "FILE", "TCG event log or CCEL"),
	OPTION("signature", signature, CLI_STRING, "FILE", "of a TPM quote"),
	OPTION("pcrs", pcrs, CLI_STRING, "FILE", "PCR values of a TPM quote"),
	OPTION("ak", ak, CLI_STRING, "FILE", "key that signs TPM quotes"),
	OPTION("ak-cert", ak_cert, CLI_STRING, "FILE", "its certificate"),
	OPTION("ek-cert", ek_cert, CLI_STRING, "FILE", "certificate of the TPM's endorsement key"),
	OPTION("quote", quote, CLI_STRING, "FILE", "TPM quote beside an HCL report"),
	OPTION("td-quote", td_quote, CLI_STRING, "FILE", "TD quote beside an HCL report"),
	OPTION("vcek", vcek, CLI_STRING, "FILE", "VCEK beside an HCL report"),
	OPTION("se-header", se_header, CLI_STRING, "FILE", "header of a Secure Execution image"),
	OPTION("request-key", request_key, CLI_STRING, "FILE",
		"attestation request protection key"),
	OPTION("se-key", se_key, CLI_STRING, "FILE",
		"key that the request's secrets are wrapped by"),
	OPTION("tik", tik, CLI_STRING, "FILE", "transport integrity key (SEV)"),
	OPTION("certificates", certificates, CLI_STRING, "FILE",
		"chain of a GPU; HSK and CEK of a CSV processor"),
	{ 0 },
};

/* Options that are a file in a role. */
static const struct {
	const char *role;
	size_t offset;
} files[] = {
	{ "evidence", offsetof(struct verify_options, evidence) },
	{ "policy", offsetof(struct verify_options, policy) },
	{ "event-log", offsetof(struct verify_options, event_log) },
	{ "signature", offsetof(struct verify_options, signature) },
	{ "pcrs", offsetof(struct verify_options, pcrs) },
	{ "ak", offsetof(struct verify_options, ak) },
	{ "ak-cert", offsetof(struct verify_options, ak_cert) },
	{ "ek-cert", offsetof(struct verify_options, ek_cert) },
	{ "quote", offsetof(struct verify_options, quote) },
	{ "td-quote", offsetof(struct verify_options, td_quote) },
	{ "vcek", offsetof(struct verify_options, vcek) },
	{ "se-header", offsetof(struct verify_options, se_header) },
	{ "request-key", offsetof(struct verify_options, request_key) },
	{ "se-key", offsetof(struct verify_options, se_key) },
	{ "tik", offsetof(struct verify_options, tik) },
	{ "certificates", offsetof(struct verify_options, certificates) },
};

static const struct {
	const char *role;
	size_t offset;
} file_lists[] = {
	{ "collateral", offsetof(struct verify_options, collateral) },
	{ "collateral", offsetof(struct verify_options, certs) },
	{ "root", offsetof(struct verify_options, root) },
	{ "simulated-root", offsetof(struct verify_options, simulated_root) },
	{ "reference", offsetof(struct verify_options, reference) },
};

/* Stops at the first failure; the object keeps its text. */
struct job {
	struct sealpod_verify *v;
	enum sealpod_status status;
};

static void add_file(struct job *j, const char *role, const char *path)
{
	if (j->status == SEALPOD_VERIFIED && path)
		j->status = sealpod_verify_file(j->v, role, path);
}

static void set(struct job *j, const char *option, const char *value)
{
	if (j->status == SEALPOD_VERIFIED && value)
		j->status = sealpod_verify_set(j->v, option, value);
}

static void set_number(struct job *j, const char *option, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	set(j, option, text);
}

static void add_files(struct job *j, const struct verify_options *o)
{
	const char *base = (const char *)o;

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		add_file(j, files[i].role,
			*(const char *const *)(const void *)(base + files[i].offset));
	for (size_t i = 0; i < ARRAY_LEN(file_lists); i++) {
		const struct strv *l =
			(const struct strv *)(const void *)(base + file_lists[i].offset);
		for (size_t k = 0; k < l->n; k++)
			add_file(j, file_lists[i].role, l->v[k]);
	}
}

static void set_options(struct job *j, const struct verify_options *o)
{
	set(j, "at", o->at);
	set(j, "nonce", o->nonce);
	set(j, "report-data", o->report_data);
	set(j, "measurement", o->measurement);
	set(j, "crl-required", o->crl_required);
	set(j, "allow-debug", o->allow_debug ? "yes" : NULL);
	set_number(j, "vmpl", o->vmpl);
	set_number(j, "max-staleness", o->max_staleness);
	for (size_t i = 0; i < o->min_tcb.n; i++)
		set(j, "min-tcb", o->min_tcb.v[i]);
	for (size_t i = 0; i < o->tcb_status.n; i++)
		set(j, "tcb-status", o->tcb_status.v[i]);
	if (o->init_data && file_exists(o->init_data))
		add_file(j, "init-data", o->init_data);
	else
		set(j, "init-data", o->init_data);
}

static RESULT print(const char *text)
{
	if (!text)
		return err_new(ERR_NOMEM, "report");
	return fd_write_all(STDOUT_FILENO, bytes_str(text));
}

static RESULT report(struct job *j, bool json)
{
	if (sealpod_verify_checks(j->v) == 0 && j->status != SEALPOD_VERIFIED && !json) {
		(void)fprintf(stderr, "sealpod verify: %s\n", sealpod_verify_error(j->v));
		return OK;
	}
	return print(json ? sealpod_verify_json(j->v) : sealpod_verify_text(j->v));
}

static void verify_freep(struct sealpod_verify **v)
{
	sealpod_verify_free(*v);
}

static RESULT verify(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct verify_options *o = options;
	AUTO(verify_freep) struct sealpod_verify *v = sealpod_verify_new();
	struct job j = { .v = v };

	if (!v)
		return err_new(ERR_NOMEM, "verification");
	set(&j, "platform", args->v[0]);
	set_options(&j, o);
	add_files(&j, o);
	set(&j, "color", isatty(STDOUT_FILENO) ? "yes" : NULL);
	if (j.status == SEALPOD_VERIFIED)
		j.status = sealpod_verify_run(v);
	*ret_exit = (int)j.status;
	return report(&j, args->json);
}

const struct cli_command cmd_verify = {
	.name = "verify",
	.summary = "judge a guest's evidence, offline",
	.operands = "PLATFORM",
	.min_operands = 1,
	.max_operands = 1,
	.words = "auto|snp|tdx|sev|se|vtpm|az-snp-vtpm|az-tdx-vtpm|sgx|cca|csv|nvgpu",
	.options = verify_table,
	.options_size = sizeof(struct verify_options),
	.run = verify,
	.notes = "PLATFORM: snp tdx sev se vtpm az-snp-vtpm az-tdx-vtpm sgx cca csv nvgpu, or "
		 "auto.\n"
		 "\n"
		 "Exit status: 0 verified, 1 not acceptable, 2 usage or input/output, 3 malformed.",
};

/* ---- inspect and explain ---- */

static RESULT finish(enum sealpod_status status, char *text, int *ret_exit)
{
	AUTO(auto_free) char *own = text;

	*ret_exit = (int)status;
	if (status == SEALPOD_VERIFIED)
		return print(own);
	(void)fprintf(stderr, "sealpod: %s\n", own ? own : "no memory");
	return OK;
}

static RESULT inspect(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(buf_done) struct buf file = BUF_INIT(INSPECT_MAX);
	char *text = NULL;

	(void)options;
	TRY(file_read(args->v[0], &file));
	enum sealpod_status status = sealpod_inspect(file.p, file.n, args->json, &text);
	return finish(status, text, ret_exit);
}

const struct cli_command cmd_inspect = {
	.name = "inspect",
	.summary = "decode evidence, certificates, collateral, tokens, logs; proves nothing",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.run = inspect,
	.notes = "What FILE is, is told by its content; text in hex or base64 is unwrapped.\n"
		 "\n"
		 "Exit status: 0 decoded, 2 input/output, 3 nothing known in it.",
};

static RESULT explain(const void *options, const struct cli_args *args, int *ret_exit)
{
	char *text = NULL;

	/* What a guest refuses by its manifest. */
	if (policy_hint_find(args->v[0]))
		return cmd_policy_explain.run(options, args, ret_exit);
	enum sealpod_status status = sealpod_explain(args->v[0], args->json, &text);
	return finish(status, text, ret_exit);
}

const struct cli_command cmd_explain = {
	.name = "explain",
	.summary = "what an error code of a vendor or one of our refusals means",
	.operands = "CODE",
	.min_operands = 1,
	.max_operands = 1,
	.run = explain,
	.notes = "CODE is a number (0xe011, 22) or a refusal (snp.signature).\n"
		 "\n"
		 "Exit status: 0 known, 1 not known.",
};
