/* Completion scripts for shells, from the tables that the parser reads. */
#include "cli_help.h"

enum {
	PATH_TEXT_MAX = 256
};

/* Calls `fn` for a command and all below it; `path` is "" for the program itself. */
typedef void visit_fn(const struct cli_command *c, const char *path, struct buf *out);

static void walk(const struct cli_command *c, const char *path, unsigned depth, visit_fn *fn,
	struct buf *out)
{
	fn(c, path, out);
	for (size_t i = 0; depth < CLI_DEPTH_MAX && c->commands && c->commands[i]; i++) {
		AUTO(buf_done) struct buf sub = BUF_INIT(PATH_TEXT_MAX);
		buf_printf(&sub, "%s %s", path, c->commands[i]->name);
		const char *s = buf_cstr(&sub);
		if (s)
			walk(c->commands[i], s, depth + 1, fn, out);
	}
}

static void put_choices(const char *choices, struct buf *out)
{
	for (const char *p = choices; *p; p++)
		buf_u8(out, *p == '|' ? ' ' : *p);
}

/* A pattern for each command below the program: what the words so far may grow to. */
static void bash_path(const struct cli_command *c, const char *path, struct buf *out)
{
	(void)c;
	if (path[0])
		buf_printf(out, "\t\t\"%s\") at=\"$at $word\" ;;\n", path);
}

static void bash_words(const struct cli_command *c, const char *path, struct buf *out)
{
	buf_printf(out, "\t\"%s\") words=\"", path);
	for (size_t i = 0; c->commands && c->commands[i]; i++)
		buf_printf(out, "%s ", c->commands[i]->name);
	if (c->words) {
		put_choices(c->words, out);
		buf_u8(out, ' ');
	}
	for (const struct cli_option *o = c->options; o && o->name; o++)
		buf_printf(out, "--%s ", o->name);
	buf_puts(out, "--json --help\" ;;\n");
}

static void bash_choices(const struct cli_command *c, const char *path, struct buf *out)
{
	for (const struct cli_option *o = c->options; o && o->name; o++) {
		if (o->kind != CLI_CHOICE)
			continue;
		buf_printf(out, "\t\"%s --%s\") words=\"", path, o->name);
		put_choices(o->choices, out);
		buf_puts(out, "\" ;;\n");
	}
}

static void bash_script(const struct cli_command *root, struct buf *out)
{
	buf_printf(out,
		"_%s() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at= word "
		"words= i\n"
		"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		"\t\tword=${COMP_WORDS[i]}\n"
		"\t\tcase \"$at $word\" in\n",
		root->name);
	walk(root, "", 0, bash_path, out);
	buf_puts(out, "\t\tesac\n\tdone\n\tcase $at in\n");
	walk(root, "", 0, bash_words, out);
	buf_puts(out, "\tesac\n\tcase \"$at $prev\" in\n");
	walk(root, "", 0, bash_choices, out);
	/* An option's value and an operand are mostly a file. */
	buf_printf(out,
		"\tesac\n"
		"\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
		"\tif [[ ${#COMPREPLY[@]} = 0 || ( $prev = --* && $cur != -* && $words = *--json* "
		") ]]; then\n"
		"\t\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n"
		"\tfi\n"
		"}\n"
		"complete -o filenames -F _%s %s\n",
		root->name, root->name);
}

static void fish_escape(const char *s, struct buf *out)
{
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			buf_u8(out, '\\');
		buf_u8(out, *s);
	}
}

/* "sealpod kbs get": offered when these words were written. */
static void fish_condition(const char *path, struct buf *out)
{
	buf_puts(out, "complete -c sealpod -n '__sealpod_at");
	buf_printf(out, "%s'", path);
}

static void fish_command(const struct cli_command *c, const char *path, struct buf *out)
{
	for (size_t i = 0; c->commands && c->commands[i]; i++) {
		fish_condition(path, out);
		buf_printf(out, " -f -a %s -d '", c->commands[i]->name);
		fish_escape(c->commands[i]->summary, out);
		buf_puts(out, "'\n");
	}
	if (c->words) {
		fish_condition(path, out);
		buf_puts(out, " -a '");
		put_choices(c->words, out);
		buf_puts(out, "'\n");
	}
	for (const struct cli_option *o = c->options; o && o->name; o++) {
		fish_condition(path, out);
		buf_printf(out, " -l %s", o->name);
		if (o->kind != CLI_FLAG)
			buf_puts(out, " -r");
		if (o->kind == CLI_CHOICE) {
			buf_puts(out, " -f -a '");
			put_choices(o->choices, out);
			buf_puts(out, "'");
		}
		buf_puts(out, " -d '");
		fish_escape(o->help, out);
		buf_puts(out, "'\n");
	}
}

static void fish_script(const struct cli_command *root, struct buf *out)
{
	buf_puts(out, "function __sealpod_at\n"
		      "\tset -l words (commandline -opc | string match -v -- '-*')\n"
		      "\ttest (count $words) -gt (count $argv)\n"
		      "\tand test \"$words[2..(math (count $argv) + 1)]\" = \"$argv\"\n"
		      "end\n");
	walk(root, "", 0, fish_command, out);
}

RESULT cli_completion(const struct cli_command *root, const char *shell, struct buf *out)
{
	if (str_equal(shell, "zsh"))
		buf_printf(out, "#compdef %s\nautoload -U +X bashcompinit && bashcompinit\n",
			root->name);
	if (str_equal(shell, "fish"))
		fish_script(root, out);
	else if (str_equal(shell, "bash") || str_equal(shell, "zsh"))
		bash_script(root, out);
	else
		return err_new(ERR_USAGE, "shell '%.32s' is none of bash, zsh, fish", shell);
	return buf_end(out, "completion");
}
