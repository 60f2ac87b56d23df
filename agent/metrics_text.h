/*
 * Files of /proc as Prometheus text (exposition format 0.0.4). The kernel wrote them, but device
 * names in them can be anybody's choice: labels are escaped, lines that do not fit are left out.
 */
#pragma once

#include <base/file.h>

void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
void metrics_agent_status(struct buf *out, const char *text); /* /proc/self/status */
void metrics_agent_io(struct buf *out, const char *text);     /* /proc/self/io */
void metrics_load(struct buf *out, const char *text);	      /* /proc/loadavg */
void metrics_cpu(struct buf *out, const char *text);	      /* /proc/stat */
void metrics_memory(struct buf *out, const char *text);	      /* /proc/meminfo */
void metrics_vm(struct buf *out, const char *text);	      /* /proc/vmstat */
void metrics_network(struct buf *out, const char *text);      /* /proc/net/dev */
void metrics_disks(struct buf *out, const char *text);	      /* /proc/diskstats */
