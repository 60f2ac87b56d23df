/* The file in which a request goes to the guest and the answer comes back (pvattest, version 1). */
#include "s390-se/se_parse.h"

enum {
	EXCHANGE_FIXED = 0x40,
	EXCHANGE_MAX = 4 * 1024 * 1024
};

static const char magic[] = "pvattest";

struct entry {
	uint32_t size, offset;
};

static struct entry read_entry(struct reader *r)
{
	struct entry e;

	e.size = rd_be32(r);
	e.offset = rd_be32(r);
	return e;
}

/* Offset 0: the entry has a size only, or is absent. */
static RESULT resolve(
	struct bytes file, const char *name, size_t at, struct entry e, struct bytes *ret)
{
	*ret = BYTES_NONE;
	if (e.offset == 0)
		return OK;
	if (e.offset < EXCHANGE_FIXED || e.offset > file.n || e.size > file.n - e.offset)
		return err_new(ERR_FORMAT,
			"exchange file: %s at 0x%zx: 0x%x bytes at 0x%x of 0x%zx", name, at, e.size,
			e.offset, file.n);
	*ret = bytes_of(file.p + e.offset, e.size);
	return OK;
}

static RESULT check_size(const char *name, size_t at, size_t n, size_t max, bool exact)
{
	if (n > max || (exact && n != 0 && n != max))
		return err_new(ERR_FORMAT, "exchange file: %s at 0x%zx: %zu bytes, %s %zu", name,
			at, n, exact ? "it has" : "at most", max);
	return OK;
}

static RESULT check_sizes(const struct se_exchange *x)
{
	TRY(check_size("request", 0x18, x->arcb.n, SE_REQUEST_MAX, false));
	TRY(check_size("measurement", 0x20, x->measurement_size, SE_MEASUREMENT, true));
	TRY(check_size("additional data", 0x28, x->additional_size, SE_ADDITIONAL_MAX, false));
	TRY(check_size("user data", 0x30, x->user_data.n, SE_USER_DATA_MAX, false));
	return check_size("configuration unique id", 0x38, x->cuid.n, SE_CUID_SIZE, true);
}

RESULT se_exchange_parse(struct bytes in, struct se_exchange *ret_exchange)
{
	struct reader r = rd_of(in);
	struct se_exchange x = { 0 };

	struct bytes start = rd_take(&r, strlen(magic));
	if (!bytes_equal(start, bytes_str(magic)))
		return err_new(ERR_FORMAT, "exchange file: magic at 0x00");
	uint32_t version = rd_be32(&r);
	if (rd_ok(&r) && version != SE_VERSION)
		return err_new(ERR_FORMAT, "exchange file: version at 0x08 is 0x%x", version);
	uint32_t size = rd_be32(&r);
	if (rd_ok(&r) && (size != in.n || in.n > EXCHANGE_MAX))
		return err_new(
			ERR_FORMAT, "exchange file: size at 0x0c is %u, there are %zu", size, in.n);
	rd_skip_zero(&r, 8);
	const struct entry arcb = read_entry(&r);
	const struct entry measurement = read_entry(&r);
	const struct entry additional = read_entry(&r);
	const struct entry user = read_entry(&r);
	const struct entry cuid = read_entry(&r);
	if (!rd_ok(&r))
		return rd_end(&r, "exchange file");
	x.measurement_size = measurement.size;
	x.additional_size = additional.size;
	TRY(resolve(in, "request", 0x18, arcb, &x.arcb));
	TRY(resolve(in, "measurement", 0x20, measurement, &x.measurement));
	TRY(resolve(in, "additional data", 0x28, additional, &x.additional));
	TRY(resolve(in, "user data", 0x30, user, &x.user_data));
	TRY(resolve(in, "configuration unique id", 0x38, cuid, &x.cuid));
	TRY(check_sizes(&x));
	*ret_exchange = x;
	return OK;
}

RESULT se_exchange_write(const struct se_exchange *x, struct buf *out)
{
	const struct bytes v[] = { x->arcb, x->measurement, x->additional, x->user_data, x->cuid };
	size_t offset = EXCHANGE_FIXED, size = EXCHANGE_FIXED;

	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		size += v[i].n;
	buf_puts(out, magic);
	buf_be32(out, SE_VERSION);
	buf_be32(out, size);
	buf_zero(out, 8);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		size_t shown = v[i].n;
		if (i == 1 && shown == 0)
			shown = x->measurement_size;
		if (i == 2 && shown == 0)
			shown = x->additional_size;
		buf_be32(out, shown);
		buf_be32(out, v[i].n > 0 ? offset : 0);
		offset += v[i].n;
	}
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		buf_put(out, v[i]);
	return buf_end(out, "exchange file");
}
