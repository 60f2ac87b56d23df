#include "cli_help.h"

#include <stdio.h>
#include <string.h>

#include <base/cli.h>
#include <base/file.h>

#ifndef SEALPOD_VERSION
#define SEALPOD_VERSION "0.1.0"
#endif

enum {
	OPTIONS_SIZE_MAX = 512,
	HELP_MAX = 64 * 1024
};

struct parse {
	struct cli_path path;
	char **v; /* what is left of argv */
	size_t n;
	struct cli_args args;
	bool help, version;
	_Alignas(max_align_t) uint8_t options[OPTIONS_SIZE_MAX];
	uint64_t seen; /* options given, by index: none twice but lists */
};

static const struct cli_command *command_of(const struct parse *p)
{
	return p->path.v[p->path.n - 1];
}

/* Where the options of the command fall. */
static uint8_t *room_of(struct parse *p)
{
	const struct cli_command *c = command_of(p);

	return c->globals ? c->globals : p->options;
}

static const struct cli_option *find(const struct cli_command *c, const char *name, size_t n)
{
	for (const struct cli_option *o = c->options; o && o->name; o++)
		if (strlen(o->name) == n && strncmp(o->name, name, n) == 0)
			return o;
	return NULL;
}

static const struct cli_option *find_letter(const struct cli_command *c, char letter)
{
	for (const struct cli_option *o = c->options; o && o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static bool is_choice(const char *choices, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = choices; n > 0 && at; at = strchr(at, '|')) {
		at += *at == '|';
		size_t len = strcspn(at, "|");
		if (len == n && strncmp(at, word, n) == 0)
			return true;
	}
	return false;
}

static RESULT store(struct parse *p, const struct cli_option *o, char *value)
{
	uint8_t *to = room_of(p) + o->offset;
	uint64_t number;

	switch (o->kind) {
	case CLI_FLAG:
		*(bool *)to = true;
		return OK;
	case CLI_LIST:
		return strv_add((struct strv *)(void *)to, value);
	case CLI_U64:
		TRY(str_to_u64(value, o->max ? o->max : UINT64_MAX, o->name, &number));
		memcpy(to, &number, sizeof(number));
		return OK;
	case CLI_CHOICE:
		if (!is_choice(o->choices, value))
			return err_new(ERR_USAGE, "--%s: '%.64s' is none of %s", o->name, value,
				o->choices);
		break;
	case CLI_STRING:
		break;
	}
	memcpy(to, &value, sizeof(value));
	return OK;
}

static RESULT set(struct parse *p, const struct cli_option *o, char *value)
{
	size_t index = (size_t)(o - command_of(p)->options);
	struct err e;

	if (o->kind != CLI_LIST && index < 64 && (p->seen >> index & 1) && !p->path.v[0]->globals)
		return err_new(ERR_USAGE, "--%s is given twice", o->name);
	if (index < 64)
		p->seen |= UINT64_C(1) << index;
	e = store(p, o, value);
	/* A number out of range is the caller's mistake, not a malformed file. */
	return failed(e) && e.code != ERR_NOMEM ? err_new(ERR_USAGE, "%s", err_text()) : e;
}

/* Takes the next word as the option's value. */
static RESULT value_of(struct parse *p, const struct cli_option *o, char *attached, char **ret)
{
	if (o->kind == CLI_FLAG) {
		if (attached)
			return err_new(ERR_USAGE, "--%s takes no value", o->name);
		*ret = NULL;
		return OK;
	}
	if (!attached && p->n == 0)
		return err_new(ERR_USAGE, "--%s needs a value: %s", o->name,
			o->kind == CLI_CHOICE ? o->choices : o->value);
	*ret = attached ? attached : *p->v++;
	p->n -= attached ? 0 : 1;
	return OK;
}

static bool take_common(struct parse *p, const char *word)
{
	if (str_equal(word, "--help") || str_equal(word, "-h"))
		p->help = true;
	else if (str_equal(word, "--json"))
		p->args.json = true;
	else if (str_equal(word, "--version") && p->path.n == 1)
		p->version = true;
	else
		return false;
	return true;
}

static RESULT take_option(struct parse *p, char *word)
{
	const struct cli_command *c = command_of(p);
	const struct cli_option *o;
	char *attached = NULL, *value = NULL;

	if (take_common(p, word))
		return OK;
	if (word[1] == '-') {
		attached = strchr(word, '=');
		o = find(c, word + 2, attached ? (size_t)(attached - word - 2) : strlen(word + 2));
		attached += attached ? 1 : 0;
	} else {
		o = find_letter(c, word[1]);
		attached = word[2] ? word + 2 : NULL;
	}
	if (!o)
		return err_new(ERR_USAGE, "unknown option %.64s", word);
	TRY(value_of(p, o, attached, &value));
	return set(p, o, value);
}

static const struct cli_command *subcommand(const struct cli_command *c, const char *word)
{
	for (size_t i = 0; c->commands && c->commands[i]; i++)
		if (str_equal(c->commands[i]->name, word))
			return c->commands[i];
	return NULL;
}

/* A word that is no option: names the next command, or is an operand. */
static RESULT take_word(struct parse *p, char *word)
{
	const struct cli_command *c = command_of(p), *sub;

	if (!c->commands) {
		p->args.v[p->args.n++] = word;
		return OK;
	}
	sub = subcommand(c, word);
	if (!sub || p->path.n == CLI_DEPTH_MAX)
		return err_new(ERR_USAGE, "unknown command '%.64s'", word);
	if (p->seen && !c->globals)
		return err_new(ERR_USAGE, "options of '%s' stand before '%s'", c->name, word);
	p->seen = 0;
	p->path.v[p->path.n++] = sub;
	return OK;
}

static RESULT take_rest(struct parse *p)
{
	for (; p->n > 0; p->n--)
		p->args.v[p->args.n++] = *p->v++;
	return OK;
}

static RESULT take_all(struct parse *p)
{
	while (p->n > 0) {
		if (p->args.n > 0 && command_of(p)->in_order)
			return take_rest(p);
		char *word = *p->v++;
		p->n--;
		if (str_equal(word, "--"))
			return take_rest(p);
		if (word[0] == '-' && word[1] != '\0')
			TRY(take_option(p, word));
		else
			TRY(take_word(p, word));
		if (p->help || p->version)
			return OK;
	}
	return OK;
}

static RESULT check(const struct parse *p)
{
	const struct cli_command *c = command_of(p);

	if (c->commands)
		return err_new(ERR_USAGE, "a command is missing");
	for (const struct cli_option *o = c->options; o && o->name; o++)
		if (o->required && !(p->seen >> (size_t)(o - c->options) & 1))
			return err_new(ERR_USAGE, "--%s is required", o->name);
	if (p->args.n < c->min_operands)
		return err_new(ERR_USAGE, "operands are missing: %s", c->operands);
	if (p->args.n > c->max_operands)
		return err_new(
			ERR_USAGE, "'%.64s' is one operand too many", p->args.v[c->max_operands]);
	return OK;
}

static RESULT print_text(const struct parse *p)
{
	AUTO(buf_done) struct buf out = BUF_INIT(HELP_MAX);

	if (p->version)
		buf_printf(&out, "%s " SEALPOD_VERSION "\n", p->path.v[0]->name);
	else
		cli_help(&p->path, &out);
	TRY(buf_end(&out, "help"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

static RESULT run(struct parse *p, int *ret_exit)
{
	const struct cli_command *c;

	TRY(take_all(p));
	if (p->help || p->version)
		return print_text(p);
	TRY(check(p));
	c = command_of(p);
	return c->run(p->options, &p->args, ret_exit);
}

static void write_json_failure(struct err e, struct buf *out)
{
	const struct denial *d = err_denial();
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "error", err_code_name(e.code));
	jw_kstr(&w, "text", err_text());
	if (d) {
		jw_kstr(&w, "code", d->code);
		jw_kstr(&w, "field", d->field);
		jw_kstr(&w, "expected", d->expected);
		jw_kstr(&w, "actual", d->actual);
		jw_kstr(&w, "request_id", d->id);
	}
	jw_object_end(&w);
	buf_puts(out, "\n");
}

/* Parsing stops at a mistake; that JSON is wanted may stand after it. */
static bool wants_json(const struct parse *p)
{
	for (size_t i = 0; i < p->n && !str_equal(p->v[i], "--"); i++)
		if (str_equal(p->v[i], "--json"))
			return true;
	return p->args.json;
}

static int report(const struct parse *p, struct err e)
{
	AUTO(buf_done) struct buf out = BUF_INIT(HELP_MAX);
	bool json = wants_json(p);

	if (p->path.v[0]->failed)
		return p->path.v[0]->failed(command_of(p), e);
	if (json) {
		write_json_failure(e, &out);
	} else {
		cli_path_print(&p->path, &out);
		buf_printf(&out, ": %s\n", err_text());
	}
	if (!json && e.code == ERR_USAGE) {
		buf_puts(&out, "Try '");
		cli_path_print(&p->path, &out);
		buf_puts(&out, " --help'.\n");
	}
	(void)fwrite(out.p, 1, out.n, stderr);
	return err_exit_status(e.code);
}

static void release_lists(struct parse *p)
{
	for (const struct cli_option *o = command_of(p)->options; o && o->name; o++)
		if (o->kind == CLI_LIST)
			strv_done((struct strv *)(void *)(p->options + o->offset));
}

int cli_main(const struct cli_command *root, int argc, char **argv)
{
	struct parse p = { .path = { .v = { root }, .n = 1 } };
	int status = 0;

	if (argc < 1)
		return err_exit_status(ERR_USAGE);
	p.v = argv + 1;
	p.n = (size_t)argc - 1;
	/* Operands take the places that options leave: never more than were given. */
	p.args.v = argv;
	struct err e = run(&p, &status);
	if (failed(e))
		status = report(&p, e);
	else if (fflush(stdout) != 0)
		status = err_exit_status(ERR_SYS);
	release_lists(&p);
	return status;
}
