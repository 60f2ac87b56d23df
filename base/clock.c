#include <stdio.h>
#include <string.h>
#include <time.h>

#include <base/clock.h>
#include <base/reader.h>

/* RFC 3339 has four digits for the year. */
static const int64_t year_0 = -62167219200;
static const int64_t year_9999_end = 253402300799;

int64_t clock_now(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

static uint64_t milliseconds(clockid_t id)
{
	struct timespec t = { 0 };

	(void)clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t clock_monotonic_ms(void)
{
	return milliseconds(CLOCK_MONOTONIC);
}

uint64_t clock_boottime_ms(void)
{
	return milliseconds(CLOCK_BOOTTIME);
}

void clock_format(int64_t t, char *to)
{
	time_t in_range = t < year_0 ? year_0 : t > year_9999_end ? year_9999_end : t;
	struct tm tm = { 0 };

	(void)gmtime_r(&in_range, &tm);
	(void)snprintf(to, RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		(unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		(unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		(unsigned)tm.tm_sec % 100);
}

static int number(struct reader *r, size_t digits, int low, int high)
{
	struct bytes b = rd_take(r, digits);
	int v = 0;

	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] < '0' || b.p[i] > '9')
			r->bad = true;
		v = v * 10 + (b.p[i] - '0');
	}
	if (v < low || v > high)
		r->bad = true;
	return v;
}

static void literal(struct reader *r, char upper)
{
	uint8_t c = rd_u8(r);

	if (c != (uint8_t)upper && (upper != 'T' || c != 't'))
		r->bad = true;
}

static void skip_fraction(struct reader *r)
{
	size_t digits = 0;

	if (r->left == 0 || *r->p != '.')
		return;
	rd_skip(r, 1);
	for (; r->left > 0 && *r->p >= '0' && *r->p <= '9'; digits++)
		rd_skip(r, 1);
	if (digits == 0)
		r->bad = true;
}

/* Seconds east of UTC. */
static int zone(struct reader *r)
{
	uint8_t sign = rd_u8(r);
	int hours, minutes;

	if (sign == 'Z' || sign == 'z')
		return 0;
	if (sign != '+' && sign != '-')
		r->bad = true;
	hours = number(r, 2, 0, 23);
	literal(r, ':');
	minutes = number(r, 2, 0, 59);
	return (sign == '-' ? -60 : 60) * (hours * 60 + minutes);
}

static int days_in(int year, int month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (month == 2)
		return leap ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

RESULT clock_parse(const char *s, int64_t *ret_t)
{
	struct reader r = rd_of(bytes_str(s));
	struct tm tm = { 0 };
	int year, month, offset;

	year = number(&r, 4, 0, 9999);
	literal(&r, '-');
	month = number(&r, 2, 1, 12);
	literal(&r, '-');
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = number(&r, 2, 1, days_in(year, month));
	literal(&r, 'T');
	tm.tm_hour = number(&r, 2, 0, 23);
	literal(&r, ':');
	tm.tm_min = number(&r, 2, 0, 59);
	literal(&r, ':');
	tm.tm_sec = number(&r, 2, 0, 60); /* 60: a leap second */
	skip_fraction(&r);
	offset = zone(&r);
	if (failed(rd_end(&r, "time")))
		return err_new(ERR_FORMAT, "'%.40s' is not an RFC 3339 time", s);
	*ret_t = timegm(&tm) - offset;
	return OK;
}
