/* sealpod kbs reference-values import|list|show|remove|sign. */
#pragma once

#include <base/cli.h>

extern const struct cli_command cmd_manifest_import;
extern const struct cli_command cmd_manifest_list;
extern const struct cli_command cmd_manifest_show;
extern const struct cli_command cmd_manifest_remove;
extern const struct cli_command cmd_manifest_sign;
