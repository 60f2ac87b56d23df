/*
 * Command lines as tables: parsing, --help, --version, completion data and the test that every
 * option is in its man page come from the same rows.
 */
#pragma once

#include <stdint.h>

#include <base/json.h>

enum cli_kind {
	CLI_FLAG,   /* bool: --name */
	CLI_STRING, /* const char *: borrowed from argv */
	CLI_LIST,   /* struct strv: repeatable */
	CLI_U64,    /* uint64_t */
	CLI_CHOICE  /* const char *: one of the words in .choices, separated by '|' */
};

struct cli_option {
	const char *name; /* without dashes */
	char letter;	  /* 0: none */
	enum cli_kind kind;
	size_t offset;	     /* into the command's struct */
	const char *value;   /* placeholder: "FILE" */
	const char *choices; /* CLI_CHOICE */
	uint64_t max;	     /* CLI_U64 */
	const char *help;    /* one line */
	bool required;
};

struct cli_args {
	char **v; /* operands, and everything after "--" */
	size_t n;
	bool json; /* --json: every command has it */
};

struct cli_command {
	const char *name;		   /* word of the command; of the program in the root */
	const char *summary;		   /* one line */
	const char *operands;		   /* "IMAGE [-- ARGV...]"; NULL: none taken */
	size_t min_operands, max_operands; /* max SIZE_MAX: any number */
	const char *words; /* operands that shells offer, separated by '|'; NULL: files */
	const struct cli_option *options; /* ended by .name NULL; may be NULL */
	size_t options_size;		  /* sizeof the struct the options fill; at most 512 */
	RESULT (*run)(const void *options, const struct cli_args *args, int *ret_exit);
	const struct cli_command *const *commands; /* ended by NULL; instead of run */
	const char *notes; /* paragraphs after the options in --help: examples, exit codes */

	/* For programs whose command line others have fixed; 0 elsewhere. */
	void *globals; /* of the root: what its options fill; they stand before the command, may be
			  given again (the last holds), and live on while the command runs */
	bool in_order; /* the first operand ends the options */
	/* Of the root: reports a failure of `command` instead of stderr; returns the exit status.
	 */
	int (*failed)(const struct cli_command *command, struct err e);
};

/*
 * main() of a program: finds the command, parses, runs, prints a failure once on stderr and returns
 * the exit status (err_exit_status(); usage errors 2).
 */
int cli_main(const struct cli_command *root, int argc, char **argv);

/* Completion script of a program: shell is "bash", "zsh" or "fish". */
RESULT cli_completion(const struct cli_command *root, const char *shell, struct buf *out);
