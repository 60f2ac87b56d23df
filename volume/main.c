/* sealpod-volume: makes an empty volume of a block device, for sealpod-agent, then is gone. */
#include "volume_make.h"

#include <stdio.h>

#include <base/secret.h>

static const char usage[] = "usage: sealpod-volume make [--encrypt NAME] DEVICE | close NAME";

static RESULT make(const char *device, const char *name)
{
	AUTO(auto_free) char *mapped = NULL;

	if (name)
		TRY(volume_encrypt(device, name, &mapped));
	struct err e = volume_make_filesystem(mapped ? mapped : device);
	if (failed(e) && name) {
		struct err_saved why;

		err_save(e, &why);
		volume_close(name);
		return err_restore(&why);
	}
	TRY(e);
	(void)printf("%s\n", mapped ? mapped : device);
	return OK;
}

static RESULT run(int argc, char **argv)
{
	TRY(secret_harden_process());
	if (argc == 3 && str_equal(argv[1], "make"))
		return make(argv[2], NULL);
	if (argc == 5 && str_equal(argv[1], "make") && str_equal(argv[2], "--encrypt"))
		return make(argv[4], argv[3]);
	if (argc == 3 && str_equal(argv[1], "close")) {
		volume_close(argv[2]);
		return OK;
	}
	return err_new(ERR_USAGE, "%s", usage);
}

int main(int argc, char **argv)
{
	struct err e = run(argc, argv);

	if (failed(e))
		(void)fprintf(stderr, "%s\n", err_text());
	return err_exit_status(e.code);
}
