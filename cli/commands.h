/* The commands of `sealpod`: a row in main.c each. */
#pragma once

#include <base/cli.h>

extern const struct cli_command cmd_run, cmd_pod, cmd_kbs, cmd_initdata, cmd_image;
extern const struct cli_command cmd_verify, cmd_inspect, cmd_explain, cmd_collateral, cmd_measure;
extern const struct cli_command cmd_secret;
extern const struct cli_command cmd_doctor, cmd_policy;
extern const struct cli_command cmd_config, cmd_install, cmd_uninstall, cmd_metrics;
