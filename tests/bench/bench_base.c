/* base against its peers, in one run: each figure is a ratio. */
#include "bench_json_c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <base/json.h>
#include <base/loop.h>
#include <base/reader.h>
#include <base/secret.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum {
	ROUNDS = 5,
	MEMBERS = 2000,
	JSON_TURNS = 20,
	READER_BYTES = 16 * 1024 * 1024,
	EVENTS = 100000,
	SECRETS = 2000
};

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Processor time of ours over the peer's, the median of the rounds. */
static double ratio(void (*ours)(void), void (*peer)(void))
{
	double r[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		double t0 = now();
		ours();
		double t1 = now();
		peer();
		r[i] = (t1 - t0) / (now() - t1);
	}
	qsort(r, ROUNDS, sizeof(r[0]), by_value);
	return r[ROUNDS / 2];
}

static void print(const char *name, double value, const char *unit, double goal)
{
	printf("%s\t%.2f\t%s\t<= %.2f\t%s\n", name, value, unit, goal,
		value <= goal ? "ok" : "short");
}

static struct err must(struct err e)
{
	if (failed(e)) {
		fprintf(stderr, "bench_base: %s\n", err_text());
		exit(1);
	}
	return e;
}

/* ---- JSON: our strict scan and tree over json-c alone ---- */
static struct buf text = { .max = 4 * 1024 * 1024 };

static void make_text(void)
{
	struct json_writer w = jw_of(&text);

	jw_object(&w);
	for (unsigned i = 0; i < MEMBERS; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "member-%u", i);
		jw_key(&w, name);
		jw_array(&w);
		jw_u64(&w, i);
		jw_str(&w, "a value as claims have them: 0123456789abcdef0123456789abcdef");
		jw_bool(&w, true);
		jw_array_end(&w);
	}
	jw_object_end(&w);
	err_ignore(must(buf_end(&text, "sample")));
}

static void json_ours(void)
{
	for (int i = 0; i < JSON_TURNS; i++) {
		AUTO(json_freep) struct json *j = NULL;
		err_ignore(must(json_parse(buf_bytes(&text), &j)));
	}
}

static void json_peer(void)
{
	bench_json_c((const char *)text.p, text.n, JSON_TURNS);
}

/* ---- reader: every u32 of a buffer, over the same sum by pointer ---- */
static uint8_t *memory;
static volatile uint64_t sink;

static void reader_ours(void)
{
	struct reader r = rd_of(bytes_of(memory, READER_BYTES));
	uint64_t sum = 0;

	while (rd_more(&r))
		sum += rd_le32(&r);
	sink = sum;
}

static void reader_peer(void)
{
	uint64_t sum = 0;
	uint32_t v;

	for (size_t i = 0; i < READER_BYTES; i += sizeof(v)) {
		memcpy(&v, memory + i, sizeof(v));
		sum += v;
		__asm__ volatile("" : "+r"(sum)); /* one by one, as a parser does it */
	}
	sink = sum;
}

/* ---- loop: one event after another, over bare epoll ---- */
static uint64_t left;

static void on_event(void *arg, int fd, unsigned events)
{
	uint64_t n;

	(void)events;
	if (read(fd, &n, sizeof(n)) != sizeof(n) || --left == 0)
		loop_stop(arg, 0);
	else if (write(fd, &(uint64_t){ 1 }, sizeof(uint64_t)) != sizeof(uint64_t))
		loop_stop(arg, 1);
}

static void loop_ours(void)
{
	AUTO(loop_freep) struct loop *l = NULL;
	AUTO(auto_close) int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	struct loop_source *s = NULL;
	int status;

	left = EVENTS;
	err_ignore(must(loop_new(&l)));
	err_ignore(must(loop_add_fd(l, fd, EPOLLIN, on_event, l, &s)));
	err_ignore(must(loop_run(l, &status)));
}

static void loop_peer(void)
{
	AUTO(auto_close) int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	AUTO(auto_close) int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN };
	uint64_t n;

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) != 0)
		exit(1);
	for (uint64_t i = EVENTS; i > 0; i--) {
		if (epoll_wait(ep, &e, 1, -1) != 1 || read(fd, &n, sizeof(n)) != sizeof(n) ||
			write(fd, &(uint64_t){ 1 }, sizeof(uint64_t)) != sizeof(uint64_t))
			exit(1);
	}
}

/* ---- secret memory: two system calls and a guard on both sides instead of malloc ---- */
static double secret_us(void)
{
	double t0 = now();

	for (int i = 0; i < SECRETS; i++) {
		AUTO(secret_freep) struct secret *s = NULL;
		err_ignore(must(secret_new(32, &s)));
	}
	return (now() - t0) / SECRETS * 1e6;
}

int main(void)
{
	memory = calloc(1, READER_BYTES);
	if (!memory)
		return 1;
	make_text();
	print("base.json-parse", ratio(json_ours, json_peer), "x json-c", 2.5);
	print("base.reader-le32", ratio(reader_ours, reader_peer), "x pointer", 8);
	print("base.loop-event", ratio(loop_ours, loop_peer), "x epoll", 1.5);
	print("base.secret-new", secret_us(), "us", 100);
	free(memory);
	buf_done(&text);
	return 0;
}
