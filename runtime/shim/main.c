/* containerd-shim-sealpod-v2: one pod for containerd, CRI-O or Docker. */
#include "program.h"

#include <stdio.h>

#include <base/file.h>

#ifndef SEALPOD_VERSION
#define SEALPOD_VERSION "0.1.0"
#endif

static RESULT print_version(const char *argv0)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);

	buf_printf(&out, "%s:\n  Version:  " SEALPOD_VERSION "\n", argv0);
	TRY(buf_end(&out, "version"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

static RESULT print_info(const struct shim_flags *f, const char *argv0, struct buf *out)
{
	char handler[SHIM_ID_MAX + 1];

	TRY(shim_handler(f, argv0, handler));
	return shim_info(handler, out);
}

static RESULT run(int argc, char **argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT(64 * 1024);
	struct shim_flags f;

	TRY(shim_flags_parse(argc, argv, &f));
	if (f.help)
		return fd_write_all(STDOUT_FILENO, bytes_str(shim_usage));
	if (f.version)
		return print_version(argv[0]);
	if (f.info)
		TRY(print_info(&f, argv[0], &out));
	else if (f.action == SHIM_START)
		TRY(shim_start(&f, argv[0], &out));
	else if (f.action == SHIM_DELETE)
		TRY(shim_delete(&f, argv[0], &out));
	else
		return shim_serve(&f);
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

int main(int argc, char **argv)
{
	struct err e = argc > 0 ? run(argc, argv) : err_new(ERR_USAGE, "no name");

	if (!failed(e))
		return 0;
	(void)fprintf(stderr, "%s: %s\n", argc > 0 ? argv[0] : "shim", err_text());
	return err_exit_status(e.code);
}
