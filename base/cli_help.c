#include "cli_help.h"

#include <string.h>

enum {
	HELP_COLUMN = 28,
	LABEL_MAX = 256,
	HELP_LINE_MAX = 1024
};

void cli_path_print(const struct cli_path *p, struct buf *out)
{
	for (size_t i = 0; i < p->n; i++)
		buf_printf(out, "%s%s", i ? " " : "", p->v[i]->name);
}

/* "  label      help", the help on a line of its own when the label is long. */
static void row(struct buf *out, const char *label, const char *help)
{
	if (strlen(label) > HELP_COLUMN - 4)
		buf_printf(out, "  %s\n%*s%s\n", label, HELP_COLUMN, "", help);
	else
		buf_printf(out, "  %-*s%s\n", HELP_COLUMN - 2, label, help);
}

static void option_row(struct buf *out, const struct cli_option *o)
{
	AUTO(buf_done) struct buf label = BUF_INIT(LABEL_MAX);
	AUTO(buf_done) struct buf help = BUF_INIT(HELP_LINE_MAX);

	if (o->letter)
		buf_printf(&label, "-%c, ", o->letter);
	buf_printf(&label, "--%s", o->name);
	if (o->kind != CLI_FLAG)
		buf_printf(&label, " %s", o->kind == CLI_CHOICE ? o->choices : o->value);
	buf_printf(&help, "%s%s", o->help, o->required ? " (required)" : "");
	if (buf_cstr(&label) && buf_cstr(&help))
		row(out, buf_cstr(&label), buf_cstr(&help));
}

static void usage(const struct cli_path *p, struct buf *out)
{
	const struct cli_command *c = p->v[p->n - 1];

	buf_puts(out, "Usage: ");
	cli_path_print(p, out);
	if (c->commands)
		buf_puts(out, " COMMAND");
	if (c->options && c->options->name)
		buf_puts(out, " [OPTIONS]");
	if (c->operands)
		buf_printf(out, " %s", c->operands);
	buf_printf(out, "\n%s\n", c->summary);
}

void cli_help(const struct cli_path *p, struct buf *out)
{
	const struct cli_command *c = p->v[p->n - 1];

	usage(p, out);
	if (c->commands)
		buf_puts(out, "\nCommands:\n");
	for (size_t i = 0; c->commands && c->commands[i]; i++)
		row(out, c->commands[i]->name, c->commands[i]->summary);
	buf_puts(out, "\nOptions:\n");
	for (const struct cli_option *o = c->options; o && o->name; o++)
		option_row(out, o);
	row(out, "--json", "answers and errors as JSON");
	row(out, "-h, --help", "this text");
	if (p->n == 1)
		row(out, "--version", "the version");
	if (c->notes)
		buf_printf(out, "\n%s\n", c->notes);
}
