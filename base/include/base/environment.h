/*
 * Variables that a program's caller hands over as part of their protocol: a container engine tells
 * its shim where to send events by TTRPC_ADDRESS. Settings of ours are options and files, never the
 * environment, and nothing read here may change a verdict.
 */
#pragma once

/* NULL when it is not set or empty. Lives as long as the program. */
const char *environment_get(const char *name);
