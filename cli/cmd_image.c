/* sealpod image: encrypt, sign and look at images, on the tenant's side. */
#include "commands.h"
#include "image_commands.h"

static const struct cli_command *const commands[] = {
	&cmd_image_encrypt,
	&cmd_image_sign,
	&cmd_image_keygen,
	&cmd_image_inspect,
	&cmd_image_keyprovider,
	&cmd_image_se_build,
	&cmd_image_se_check,
	NULL,
};

const struct cli_command cmd_image = {
	.name = "image",
	.summary = "encrypt, sign and inspect images; Secure Execution boot images",
	.commands = commands,
};
