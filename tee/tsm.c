#include "tsm.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <base/random.h>

#define REPORTS "/sys/kernel/config/tsm/report"

enum {
	TRIES = 5, /* of one request that somebody disturbs, or that the device is too busy for */
	PAUSE_MS = 50,
	NAME_DIGITS = 16,
	NUMBER_MAX = 32,
};

/* One request: its directory, and how often it was written to. */
struct entry {
	const struct guest_io *g;
	char *dir; /* below the root; NULL: not made */
};

static void entry_remove(struct entry *e)
{
	AUTO(auto_free) char *whole = NULL;

	/* A directory left behind costs the kernel a page; the report is what counts. */
	if (e->dir && !failed(str_format(&whole, "%s%s", e->g->root, e->dir)))
		err_ignore(e->g->io->remove_dir(e->g->io, whole));
	free(e->dir);
	e->dir = NULL;
}

/* What an operator can do about it. */
static const char *advice(int code)
{
	static const struct {
		int code;
		const char *text;
	} table[] = {
		{ EBUSY, "the device is busy with other requests; try again" },
		{ EAGAIN, "the device is busy with other requests; try again" },
		{ EIO, "firmware or host refused; the guest's kernel log has the code (sealpod "
		       "explain CODE), on TDX look at the host's quote generation service" },
		{ ENXIO, "no platform answers; is the module loaded (tdx_guest, sev_guest)?" },
		{ ETIMEDOUT, "the host did not answer; on TDX: is its quote generation service "
			     "running and reachable by vsock port 4050?" },
		{ EINVAL, "the platform does not take this request; at another privilege level "
			  "(VMPL) than the guest's?" },
		{ EACCES, "only root may ask for reports" },
		{ EPERM, "only root may ask for reports" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].code == code)
			return table[i].text;
	return NULL;
}

static struct err explained(struct err e, const char *doing)
{
	const char *why = e.code == ERR_SYS ? advice(err_errno()) : NULL;

	return why ? err_add(e, "%s: %s", doing, why) : err_add(e, "%s", doing);
}

static RESULT entry_make(struct entry *e)
{
	AUTO(auto_free) char *whole = NULL;
	AUTO(auto_free) char *dir = NULL;
	char name[NAME_DIGITS + 1];

	TRY(random_hex(name, NAME_DIGITS));
	TRY(str_format(&dir, REPORTS "/sealpod-%s", name));
	TRY(str_format(&whole, "%s%s", e->g->root, dir));
	struct err made = e->g->io->make_dir(e->g->io, whole);
	if (made.code == ERR_NOT_FOUND)
		return err_new(ERR_UNSUPPORTED,
			"configfs-tsm is not there (%s): mount configfs and load the modules tsm "
			"and tdx_guest or sev_guest, Linux 6.7 or later",
			REPORTS);
	if (failed(made))
		return explained(made, "making a configfs-tsm request");
	e->dir = TAKE(dir);
	return OK;
}

static RESULT attribute_read(const struct entry *e, const char *name, struct buf *out)
{
	AUTO(auto_free) char *path = NULL;

	TRY(str_format(&path, "%s/%s", e->dir, name));
	return guest_io_read(e->g, path, out);
}

static RESULT attribute_write(const struct entry *e, const char *name, struct bytes data)
{
	AUTO(auto_free) char *path = NULL;

	TRY(str_format(&path, "%s/%s", e->dir, name));
	struct err x = guest_io_write(e->g, path, data);
	return failed(x) ? explained(x, "writing a configfs-tsm request") : OK;
}

/* A line of text without its end. */
static RESULT read_line(const struct entry *e, const char *name, struct buf *out)
{
	TRY(attribute_read(e, name, out));
	while (out->n > 0 && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '\0'))
		out->n--;
	return buf_cstr(out) ? OK : buf_end(out, name);
}

static RESULT read_number(const struct entry *e, const char *name, uint64_t *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(NUMBER_MAX);

	TRY(read_line(e, name, &text));
	return str_to_u64(buf_cstr(&text), UINT64_MAX, name, ret);
}

static RESULT check_provider(const struct entry *e, const char *want)
{
	AUTO(buf_done) struct buf text = BUF_INIT(NUMBER_MAX);

	struct err x = read_line(e, "provider", &text);
	if (failed(x))
		return explained(x, "asking who answers configfs-tsm");
	if (!str_equal(buf_cstr(&text), want))
		return err_new(ERR_UNSUPPORTED,
			"configfs-tsm is answered by \"%s\", expected \"%s\": this guest is of "
			"another platform",
			buf_cstr(&text), want);
	return OK;
}

/* The guest's own level: 0, or higher below an SVSM. Kernels before 6.10 do not tell. */
static RESULT write_privlevel(const struct entry *e, uint64_t *writes)
{
	AUTO(buf_done) struct buf floor = BUF_INIT(NUMBER_MAX);

	struct err x = read_line(e, "privlevel_floor", &floor);
	if (x.code == ERR_NOT_FOUND)
		return OK;
	if (failed(x))
		return explained(x, "asking for the guest's privilege level");
	TRY(attribute_write(e, "privlevel", buf_bytes(&floor)));
	++*writes;
	return OK;
}

static RESULT read_blobs(const struct entry *e, struct buf *outblob, struct buf *auxblob)
{
	TRY(attribute_read(e, "outblob", outblob));
	if (!auxblob)
		return OK;
	struct err x = attribute_read(e, "auxblob", auxblob);
	/* Platforms without one, and hosts that have no certificates. */
	if (x.code == ERR_NOT_FOUND) {
		buf_clear(auxblob);
		return OK;
	}
	return x;
}

/*
 * Every write adds one to `generation`. The report is ours when after it was read the number has
 * grown by our writes alone.
 */
static RESULT ask_once(const struct entry *e, const struct tsm_request *q, struct buf *outblob,
	struct buf *auxblob, bool *ret_disturbed)
{
	uint64_t before, after, writes = 1;

	buf_clear(outblob);
	if (auxblob)
		buf_clear(auxblob);
	*ret_disturbed = false;
	TRY(read_number(e, "generation", &before));
	if (q->privlevel)
		TRY(write_privlevel(e, &writes));
	TRY(attribute_write(e, "inblob", q->inblob));
	struct err x = read_blobs(e, outblob, auxblob);
	if (failed(x)) {
		*ret_disturbed =
			x.code == ERR_SYS && (err_errno() == EBUSY || err_errno() == EAGAIN);
		return explained(x, "reading a configfs-tsm report");
	}
	TRY(read_number(e, "generation", &after));
	*ret_disturbed = after - before != writes;
	if (*ret_disturbed)
		return err_new(ERR_STATE,
			"configfs-tsm: generation went from %llu to %llu by %llu writes: another "
			"process writes to %s; end it",
			(unsigned long long)before, (unsigned long long)after,
			(unsigned long long)writes, e->dir);
	return OK;
}

bool tsm_has(const struct guest_io *g)
{
	const struct tee_guest_config c = { .root = g->root };

	return guest_io_has(&c, REPORTS);
}

RESULT tsm_report(const struct guest_io *g, const struct tsm_request *q, struct buf *ret_outblob,
	struct buf *ret_auxblob)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	AUTO(entry_remove) struct entry e = { .g = g };
	struct err x = OK;
	bool disturbed = true;

	if (q->inblob.n == 0 || q->inblob.n > TSM_INBLOB_MAX)
		return err_new(ERR_USAGE, "report data of %zu bytes, 1 to %d", q->inblob.n,
			TSM_INBLOB_MAX);
	TRY(entry_make(&e));
	TRY(check_provider(&e, q->provider));
	for (int i = 0; disturbed && i < TRIES; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		x = ask_once(&e, q, ret_outblob, ret_auxblob, &disturbed);
	}
	return failed(x) && disturbed ? err_add(x, "after %d tries", TRIES) : x;
}
