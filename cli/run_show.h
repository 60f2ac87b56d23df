/* What `sealpod run` and `sealpod pod` show of a pod. */
#pragma once

#include <stdio.h>

#include <base/json.h>
#include <runtime/run.h>

/* One line on standard error that replaces itself; only on a terminal. */
struct run_show {
	bool live; /* standard error is a terminal */
	bool shown;
};
void run_show_progress(void *arg, const struct run_progress *p);
void run_show_clear(struct run_show *show);

/* Stages and sum as a table, or as members of an open JSON object. */
void run_show_timeline(const struct timeline_record *r, FILE *to);
void run_show_timeline_json(const struct timeline_record *r, struct json_writer *w);
