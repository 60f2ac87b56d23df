/*
 * Logging, for programs only. A line is an event and key=value pairs; text or JSON. Define
 * LOG_MODULE before the first call of a file: #define LOG_MODULE "agent".
 */
#pragma once

#include <base/err.h>

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
};
enum log_format {
	LOG_TEXT,
	LOG_JSON
};

/* Writes to `fd`; colour only for LOG_TEXT on a terminal. */
void log_init(const char *program, enum log_level level, enum log_format format, int fd);
void log_set_level(enum log_level level);
RESULT log_level_parse(const char *name, enum log_level *ret_level);
/* A field that every later line carries (pod, container or request id); NULL value removes it. */
void log_field(const char *key, const char *value);

/*
 * `fmt` makes "key=value key=value"; a value that has blanks or comes from outside goes through
 * log_quote(). Control characters and invalid UTF-8 are escaped by the logger.
 */
PRINTF(4, 5)
void log_write(enum log_level level, const char *module, const char *event, const char *fmt, ...);
/* Quoted, escaped, cut at 200 characters; one of eight rotating thread-local buffers. */
const char *log_quote(const char *s);
/* One line for a failure: error code, text, and the denial if there is one. */
void log_failure(const char *module, const char *event, struct err e);
/* The same with the field "container". */
void log_failure_of(const char *module, const char *event, const char *container, struct err e);

#define log_error(event, ...) log_write(LOG_ERROR, LOG_MODULE, event, __VA_ARGS__)
#define log_warn(event, ...)  log_write(LOG_WARN, LOG_MODULE, event, __VA_ARGS__)
#define log_info(event, ...)  log_write(LOG_INFO, LOG_MODULE, event, __VA_ARGS__)
#define log_debug(event, ...) log_write(LOG_DEBUG, LOG_MODULE, event, __VA_ARGS__)
