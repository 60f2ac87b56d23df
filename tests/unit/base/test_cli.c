#include "util.h"

#include <fcntl.h>

#include <base/cli.h>
#include <base/file.h>
#include <sys/mman.h>

struct run_options {
	bool quiet;
	const char *name;
	struct strv env;
	uint64_t memory;
	const char *platform;
};

/* What the command saw. */
static struct {
	unsigned calls;
	struct run_options options;
	char name[32], env[64], operands[64];
	bool json;
} seen;

static RESULT run_command(const void *options, const struct cli_args *args, int *ret_exit)
{
	seen.calls++;
	seen.options = *(const struct run_options *)options;
	seen.json = args->json;
	(void)snprintf(
		seen.name, sizeof(seen.name), "%s", seen.options.name ? seen.options.name : "-");
	seen.env[0] = seen.operands[0] = '\0';
	for (size_t i = 0; i < seen.options.env.n; i++) {
		size_t n = strlen(seen.env);
		(void)snprintf(seen.env + n, sizeof(seen.env) - n, "%s;", seen.options.env.v[i]);
	}
	for (size_t i = 0; i < args->n; i++) {
		size_t n = strlen(seen.operands);
		(void)snprintf(seen.operands + n, sizeof(seen.operands) - n, "%s;", args->v[i]);
	}
	*ret_exit = 5;
	return OK;
}

static RESULT deny_command(const void *options, const struct cli_args *args, int *ret_exit)
{
	(void)options;
	(void)args;
	(void)ret_exit;
	struct err e = err_deny(ERR_DENIED, "manifest.argv", "argv[1]", "world", "moon");
	err_set_denial_id("r1");
	return err_add(e, "starting");
}

static const struct cli_option run_rows[] = {
	{ "quiet", 'q', CLI_FLAG, offsetof(struct run_options, quiet), .help = "say less" },
	{ "name", 'n', CLI_STRING, offsetof(struct run_options, name), .value = "NAME",
		.help = "of the pod" },
	{ "env", 'e', CLI_LIST, offsetof(struct run_options, env), .value = "NAME=VALUE",
		.help = "variable; may be repeated" },
	{ "memory", 0, CLI_U64, offsetof(struct run_options, memory), .value = "MIB", .max = 4096,
		.help = "of the guest" },
	{ "platform", 0, CLI_CHOICE, offsetof(struct run_options, platform),
		.choices = "vtpm|snp|tdx|none", .help = "what protects the guest",
		.required = true },
	{ 0 }
};
static const struct cli_command run = { .name = "run",
	.summary = "Starts a pod.",
	.operands = "IMAGE [-- ARGV...]",
	.min_operands = 1,
	.max_operands = 3,
	.options = run_rows,
	.options_size = sizeof(struct run_options),
	.run = run_command,
	.notes = "Exit status 1 means that the pod was refused." };
static const struct cli_command deny = {
	.name = "deny", .summary = "Refuses.", .run = deny_command
};
static const struct cli_command *const pod_commands[] = { &run, &deny, NULL };
static const struct cli_command pod = {
	.name = "pod", .summary = "Works on pods.", .commands = pod_commands
};
static const struct cli_command *const root_commands[] = { &pod, NULL };
static const struct cli_command root = {
	.name = "prog", .summary = "A program.", .commands = root_commands
};

/* ---- running with both outputs caught ---- */

static char out[8192], errors[8192];

static void take_back(int target, int saved, int memory, char *text, size_t size)
{
	ssize_t n;

	assert_int_equal(dup2(saved, target), target);
	(void)close(saved);
	n = pread(memory, text, size - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	(void)close(memory);
}

static int run_cli(const char *const *argv)
{
	char copies[16][64], *words[17] = { 0 };
	int argc = 0, status;
	int out_fd = memfd_create("out", MFD_CLOEXEC), err_fd = memfd_create("err", MFD_CLOEXEC);
	int saved_out = fcntl(1, F_DUPFD_CLOEXEC, 10), saved_err = fcntl(2, F_DUPFD_CLOEXEC, 10);

	for (; argv[argc]; argc++) {
		(void)snprintf(copies[argc], sizeof(copies[0]), "%s", argv[argc]);
		words[argc] = copies[argc];
	}
	seen.calls = 0;
	(void)fflush(stdout);
	(void)dup2(out_fd, 1);
	(void)dup2(err_fd, 2);
	status = cli_main(&root, argc, words);
	(void)fflush(stdout);
	take_back(1, saved_out, out_fd, out, sizeof(out));
	take_back(2, saved_err, err_fd, errors, sizeof(errors));
	return status;
}

#define RUN(...) run_cli((const char *const[]){ "prog", __VA_ARGS__, NULL })

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_error("'%s' does not say '%s'\n", text, part);
	assert_non_null(strstr(text, part));
}

/* ---- tests ---- */

static void test_options(void **state)
{
	(void)state;
	assert_int_equal(RUN("pod", "run", "-q", "--name", "n1", "--env=A=1", "-e", "B=2", "-eC",
				 "--memory", "4096", "--platform=snp", "image"),
		5);
	assert_int_equal(seen.calls, 1);
	assert_true(seen.options.quiet && !seen.json);
	assert_string_equal(seen.name, "n1");
	assert_string_equal(seen.env, "A=1;B=2;C;");
	assert_int_equal(seen.options.memory, 4096);
	assert_string_equal(seen.operands, "image;");
	assert_string_equal(errors, "");
}

static void test_operands(void **state)
{
	(void)state;
	assert_int_equal(RUN("pod", "run", "a", "--platform", "tdx", "-", "--json"), 5);
	assert_string_equal(seen.operands, "a;-;");
	assert_true(seen.json);
	assert_int_equal(RUN("pod", "run", "--platform", "tdx", "a", "--", "--help", "--json"), 5);
	assert_string_equal(seen.operands, "a;--help;--json;");
	assert_false(seen.json);
	assert_string_equal(seen.name, "-"); /* options that are not given are zero */
	assert_int_equal(seen.options.memory, 0);
}

static void test_usage_errors(void **state)
{
	(void)state;
	static const struct {
		const char *const argv[10];
		const char *says;
	} cases[] = {
		{ { "prog" }, "prog: a command is missing\nTry 'prog --help'.\n" },
		{ { "prog", "pods" }, "prog: unknown command 'pods'\n" },
		{ { "prog", "pod", "rum" }, "prog pod: unknown command 'rum'\n" },
		{ { "prog", "pod", "run", "--nme", "x" }, "prog pod run: unknown option --nme\n" },
		{ { "prog", "pod", "run", "-x" }, "prog pod run: unknown option -x\n" },
		{ { "prog", "pod", "--version" }, "prog pod: unknown option --version\n" },
		{ { "prog", "--quiet", "pod" }, "prog: unknown option --quiet\n" },
		{ { "prog", "pod", "run", "--quiet=1" }, "--quiet takes no value" },
		{ { "prog", "pod", "run", "--name" }, "--name needs a value: NAME" },
		{ { "prog", "pod", "run", "--platform" }, "needs a value: vtpm|snp|tdx|none" },
		{ { "prog", "pod", "run", "-q", "-q" }, "--quiet is given twice" },
		{ { "prog", "pod", "run", "--memory", "4097" }, "memory: 4097 is more than 4096" },
		{ { "prog", "pod", "run", "--memory", "1M" }, "memory: '1M' is not a number" },
		{ { "prog", "pod", "run", "--platform", "sn" },
			"'sn' is none of vtpm|snp|tdx|none" },
		{ { "prog", "pod", "run", "--platform", "" }, "'' is none of" },
		{ { "prog", "pod", "run", "--platform", "vtpm|snp" }, "is none of" },
		{ { "prog", "pod", "run", "image" }, "--platform is required" },
		{ { "prog", "pod", "run", "--platform", "snp" },
			"operands are missing: IMAGE [-- ARGV...]" },
		{ { "prog", "pod", "run", "--platform", "snp", "a", "b", "c", "d" },
			"'d' is one operand too many" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(run_cli(cases[i].argv), 2);
		assert_int_equal(seen.calls, 0);
		assert_has(errors, cases[i].says);
		assert_has(errors, " --help'.\n");
		assert_string_equal(out, "");
	}
}

static void test_help(void **state)
{
	(void)state;
	assert_int_equal(RUN("pod", "run", "--help"), 0);
	assert_string_equal(out, "Usage: prog pod run [OPTIONS] IMAGE [-- ARGV...]\n"
				 "Starts a pod.\n"
				 "\n"
				 "Options:\n"
				 "  -q, --quiet               say less\n"
				 "  -n, --name NAME           of the pod\n"
				 "  -e, --env NAME=VALUE      variable; may be repeated\n"
				 "  --memory MIB              of the guest\n"
				 "  --platform vtpm|snp|tdx|none\n"
				 "                            what protects the guest (required)\n"
				 "  --json                    answers and errors as JSON\n"
				 "  -h, --help                this text\n"
				 "\n"
				 "Exit status 1 means that the pod was refused.\n");
	assert_int_equal(RUN("-h"), 0);
	assert_string_equal(out, "Usage: prog COMMAND\n"
				 "A program.\n"
				 "\n"
				 "Commands:\n"
				 "  pod                       Works on pods.\n"
				 "\n"
				 "Options:\n"
				 "  --json                    answers and errors as JSON\n"
				 "  -h, --help                this text\n"
				 "  --version                 the version\n");
	assert_int_equal(RUN("--version"), 0);
	assert_true(str_starts(out, "prog "));
	assert_string_equal(errors, "");
}

static void test_refusal(void **state)
{
	(void)state;
	assert_int_equal(RUN("pod", "deny"), 1);
	assert_string_equal(errors,
		"prog pod deny: starting: manifest.argv: argv[1]: expected world, got moon [r1]\n");
	assert_int_equal(RUN("pod", "deny", "--json"), 1);
	assert_string_equal(errors,
		"{\"error\":\"denied\",\"text\":\"starting: manifest.argv: argv[1]: expected "
		"world, "
		"got moon [r1]\",\"code\":\"manifest.argv\",\"field\":\"argv[1]\","
		"\"expected\":\"world\",\"actual\":\"moon\",\"request_id\":\"r1\"}\n");
	assert_string_equal(out, "");
}

/* Who asks for JSON gets it also when the mistake stands before the option. */
static void test_usage_error_as_json(void **state)
{
	(void)state;
	static const char *const want = "{\"error\":\"usage\",\"text\":\"unknown option --nme\"}\n";

	assert_int_equal(RUN("--json", "pod", "run", "--nme"), 2);
	assert_string_equal(errors, want);
	assert_int_equal(RUN("pod", "run", "--nme", "--json"), 2);
	assert_string_equal(errors, want);
	assert_int_equal(RUN("pod", "run", "--nme", "--", "--json"), 2);
	assert_has(errors, "prog pod run: unknown option --nme\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_usage_errors),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_usage_error_as_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
