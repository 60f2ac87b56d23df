/* The words of `sealpod image`. */
#pragma once

#include <base/cli.h>

extern const struct cli_command cmd_image_encrypt, cmd_image_sign, cmd_image_keygen,
	cmd_image_inspect, cmd_image_keyprovider, cmd_image_se_build, cmd_image_se_check;

/* Options that every command with a registry has; `type` holds struct image_place_options place. */
#define IMAGE_PLACE_OPTIONS(type)                                                                  \
	{ .name = "ca",                                                                            \
		.kind = CLI_STRING,                                                                \
		.offset = offsetof(type, place.ca),                                                \
		.value = "FILE",                                                                   \
		.help = "further root of the registry's certificate (PEM)" },                      \
		{ .name = "authfile",                                                              \
			.kind = CLI_STRING,                                                        \
			.offset = offsetof(type, place.authfile),                                  \
			.value = "FILE",                                                           \
			.help = "registry credentials, as docker login writes them" },             \
	{                                                                                          \
		.name = "plain-http", .kind = CLI_FLAG,                                            \
		.offset = offsetof(type, place.plain_http), .help = "the registry has no TLS"      \
	}
