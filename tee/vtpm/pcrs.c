#include "vtpm/pcrs.h"

#include <stdio.h>

#include <base/encode.h>
#include <base/reader.h>

enum {
	/* tpm2-tools: TPML_PCR_SELECTION, u32 lists, TPML_DIGEST each, as C lays them out. */
	FILE_SELECTIONS = 16,
	FILE_SELECT_SIZE = 4,
	FILE_LIST_DIGESTS = 8,
	FILE_HEAD = 4 + FILE_SELECTIONS * 8 + 4,
	FILE_LIST = 4 + FILE_LIST_DIGESTS * (2 + DIGEST_MAX),
	LINE_MAX_TEXT = 256,
};

static const struct {
	uint16_t tpm_alg;
	enum digest_alg alg;
	const char *name;
} banks[] = {
	{ TPM_ALG_SHA1, DIGEST_SHA1, "sha1" },
	{ TPM_ALG_SHA256, DIGEST_SHA256, "sha256" },
	{ TPM_ALG_SHA384, DIGEST_SHA384, "sha384" },
	{ TPM_ALG_SHA512, DIGEST_SHA512, "sha512" },
	{ TPM_ALG_SM3_256, DIGEST_SM3, "sm3_256" },
};

RESULT pcr_bank_alg(uint16_t tpm_alg, enum digest_alg *ret_alg)
{
	for (size_t i = 0; i < ARRAY_LEN(banks); i++)
		if (banks[i].tpm_alg == tpm_alg) {
			*ret_alg = banks[i].alg;
			return OK;
		}
	return err_new(ERR_UNSUPPORTED, "PCR bank 0x%04x", tpm_alg);
}

const struct pcr_bank *pcrs_bank(const struct pcrs *p, uint16_t hash)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->bank[i].hash == hash)
			return &p->bank[i];
	return NULL;
}

struct bytes pcr_value(const struct pcr_bank *b, unsigned pcr)
{
	return bytes_of(b->v[pcr], digest_size(b->alg));
}

static struct err bank_of(struct pcrs *p, uint16_t hash, struct pcr_bank **ret_bank)
{
	enum digest_alg alg;

	for (size_t i = 0; i < p->n; i++)
		if (p->bank[i].hash == hash) {
			*ret_bank = &p->bank[i];
			return OK;
		}
	TRY(pcr_bank_alg(hash, &alg));
	struct pcr_bank *b = &p->bank[p->n++]; /* as many as there are known hashes */
	*b = (struct pcr_bank){ .hash = hash, .alg = alg };
	*ret_bank = b;
	return OK;
}

RESULT pcrs_set(struct pcrs *p, uint16_t hash, unsigned pcr, struct bytes value)
{
	struct pcr_bank *b;

	TRY(bank_of(p, hash, &b));
	if (pcr >= TPM_PCRS || value.n != digest_size(b->alg))
		return err_new(ERR_FORMAT, "PCR values: PCR %u of %zu bytes in the %s bank", pcr,
			value.n, digest_name(b->alg));
	if (b->known >> pcr & 1)
		return err_new(ERR_FORMAT, "PCR values: PCR %u of the %s bank twice", pcr,
			digest_name(b->alg));
	memcpy(b->v[pcr], value.p, value.n);
	b->known |= 1u << pcr;
	return OK;
}

static struct err read_values(struct reader *r, const struct tpm2_pcr_selection *s, struct pcrs *p)
{
	enum digest_alg alg;

	TRY(pcr_bank_alg(s->hash, &alg));
	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
		if (!(s->pcrs >> pcr & 1))
			continue;
		struct bytes v = rd_take(r, digest_size(alg));
		if (!rd_ok(r))
			return err_new(ERR_FORMAT, "PCR values: fewer than the quote selects");
		TRY(pcrs_set(p, s->hash, pcr, v));
	}
	return OK;
}

RESULT pcrs_parse_values(struct bytes in, const struct tpm2_quote *q, struct pcrs *ret_pcrs)
{
	struct reader r = rd_of(in);
	struct pcrs p = { 0 };

	for (size_t i = 0; i < q->n_selections; i++)
		TRY(read_values(&r, &q->selections[i], &p));
	TRY(rd_end(&r, "PCR values"));
	*ret_pcrs = p;
	return OK;
}

/* ---- the file of tpm2_quote ---- */
struct digests { /* all lists, as one sequence */
	struct reader r;
	uint32_t left_here; /* of this list */
	uint32_t unused;    /* places of this list that hold nothing */
};

static struct bytes next_digest(struct digests *d)
{
	while (rd_ok(&d->r) && d->left_here == 0) {
		rd_skip(&d->r, (size_t)d->unused * (2 + DIGEST_MAX));
		d->left_here = rd_le32(&d->r);
		if (d->left_here > FILE_LIST_DIGESTS) {
			d->r.bad = true;
			return BYTES_NONE;
		}
		d->unused = FILE_LIST_DIGESTS - d->left_here;
	}
	if (!rd_ok(&d->r))
		return BYTES_NONE;
	d->left_here--;
	uint16_t n = rd_le16(&d->r);
	struct bytes room = rd_take(&d->r, DIGEST_MAX);
	if (n > room.n)
		d->r.bad = true;
	return bytes_of(room.p, n);
}

static struct err set_selected(
	const struct tpm2_pcr_selection *s, struct digests *from, struct pcrs *p)
{
	for (unsigned pcr = 0; pcr < 8 * FILE_SELECT_SIZE; pcr++) {
		if (!(s->pcrs >> pcr & 1))
			continue;
		struct bytes v = next_digest(from);
		if (!rd_ok(&from->r))
			return err_new(ERR_FORMAT, "PCR file: fewer values than selected");
		TRY(pcrs_set(p, s->hash, pcr, v));
	}
	return OK;
}

static bool is_tool_file(struct bytes file)
{
	struct reader r = rd_of(file);
	uint32_t n = rd_le32(&r);

	return file.n >= FILE_HEAD && (file.n - FILE_HEAD) % FILE_LIST == 0 && n > 0 &&
	       n <= FILE_SELECTIONS;
}

static struct err parse_tool_file(struct bytes file, struct pcrs *p)
{
	struct tpm2_pcr_selection selected[FILE_SELECTIONS] = { 0 };
	struct reader r = rd_of(file);

	uint32_t n = rd_le32(&r);
	for (size_t i = 0; i < FILE_SELECTIONS; i++) {
		selected[i].hash = rd_le16(&r);
		uint8_t size = rd_u8(&r);
		uint32_t bits = rd_le32(&r); /* bytes of a bit map: PCR 0 is the lowest bit */
		rd_skip(&r, 1);
		if (i < n && size > FILE_SELECT_SIZE)
			return err_new(ERR_FORMAT, "PCR file: bit map of %u bytes", size);
		if (i < n && size > 0)
			selected[i].pcrs = bits & UINT32_MAX >> (32 - 8 * size);
	}
	rd_skip(&r, 4); /* number of lists: the file's size tells it too */
	struct digests d = { .r = r };
	for (size_t i = 0; i < n; i++)
		TRY(set_selected(&selected[i], &d, p));
	return rd_ok(&d.r) ? OK : err_new(ERR_FORMAT, "PCR file: truncated");
}

/* ---- text: "sha256:" begins a bank, "  7 : 0x<hex>" is a value, other lines are passed over ----
 */
static bool is_text(struct bytes file)
{
	for (size_t i = 0; i < file.n; i++)
		if (file.p[i] >= 0x7f || (file.p[i] < ' ' && file.p[i] != '\n' &&
						 file.p[i] != '\r' && file.p[i] != '\t'))
			return false;
	return file.n > 0;
}

static struct bytes trimmed(struct bytes b)
{
	while (b.n > 0 && b.p[0] <= ' ')
		b = bytes_of(b.p + 1, b.n - 1);
	while (b.n > 0 && b.p[b.n - 1] <= ' ')
		b.n--;
	return b;
}

/* What stands before and after the line's first colon. */
static bool split(struct bytes line, struct bytes *ret_key, struct bytes *ret_value)
{
	size_t at = 0;

	while (at < line.n && line.p[at] != ':')
		at++;
	if (at == line.n)
		return false;
	*ret_key = trimmed(bytes_of(line.p, at));
	*ret_value = trimmed(bytes_of(line.p + at + 1, line.n - at - 1));
	return true;
}

static uint16_t bank_named(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(banks); i++)
		if (bytes_equal(name, bytes_str(banks[i].name)))
			return banks[i].tpm_alg;
	return 0;
}

static bool pcr_number(struct bytes key, unsigned *ret_pcr)
{
	unsigned v = 0;

	if (key.n == 0 || key.n > 2)
		return false;
	for (size_t i = 0; i < key.n; i++) {
		if (key.p[i] < '0' || key.p[i] > '9')
			return false;
		v = 10 * v + (unsigned)(key.p[i] - '0');
	}
	*ret_pcr = v;
	return true;
}

static struct err read_line(struct bytes line, uint16_t *bank, struct pcrs *p)
{
	AUTO(buf_done) struct buf value_bytes = BUF_INIT(DIGEST_MAX);
	struct bytes key, value;
	unsigned pcr;

	if (!split(line, &key, &value))
		return OK;
	if (value.n == 0) {
		*bank = bank_named(key);
		return OK;
	}
	if (*bank == 0 || !pcr_number(key, &pcr))
		return OK;
	if (value.n > 2 && value.p[0] == '0' && (value.p[1] | 0x20) == 'x')
		value = bytes_of(value.p + 2, value.n - 2);
	TRY(hex_decode(value, "PCR value", &value_bytes));
	return pcrs_set(p, *bank, pcr, buf_bytes(&value_bytes));
}

static struct err parse_text(struct bytes text, struct pcrs *p)
{
	uint16_t bank = 0;

	while (text.n > 0) {
		size_t n = 0;
		while (n < text.n && text.p[n] != '\n')
			n++;
		TRY(read_line(bytes_of(text.p, n), &bank, p));
		n = n < text.n ? n + 1 : n;
		text = bytes_of(text.p + n, text.n - n);
	}
	return p->n > 0 ? OK : err_new(ERR_FORMAT, "PCR values: no bank in the text");
}

bool pcrs_file_looks(struct bytes file)
{
	return is_tool_file(file) || is_text(file);
}

RESULT pcrs_parse(struct bytes file, const struct tpm2_quote *q, struct pcrs *ret_pcrs)
{
	struct pcrs p = { 0 };

	if (is_tool_file(file))
		TRY(parse_tool_file(file, &p));
	else if (is_text(file))
		TRY(parse_text(file, &p));
	else
		return pcrs_parse_values(file, q, ret_pcrs);
	*ret_pcrs = p;
	return OK;
}

/* ---- for people ---- */
static void put(char *to, size_t size, size_t *at, const char *text)
{
	int n = snprintf(to + *at, size - *at, "%s", text);

	*at = (size_t)n < size - *at ? *at + (size_t)n : size - 1;
}

static void put_range(char *to, size_t size, size_t *at, unsigned from, unsigned last)
{
	char text[32];

	(void)snprintf(text, sizeof(text), from == last ? " %u" : " %u-%u", from, last);
	put(to, size, at, text);
}

static void put_pcrs(char *to, size_t size, size_t *at, uint32_t pcrs)
{
	for (unsigned i = 0; i < 32; i++) {
		unsigned from = i;

		if (!(pcrs >> i & 1))
			continue;
		while (i < 31 && pcrs >> (i + 1) & 1)
			i++;
		put_range(to, size, at, from, i);
	}
}

void pcr_selection_text(const struct tpm2_quote *q, char *to, size_t size)
{
	enum digest_alg alg;
	size_t at = 0;
	char name[32];

	put(to, size, &at, q->n_selections == 0 ? "nothing" : "");
	for (size_t i = 0; i < q->n_selections; i++) {
		const struct tpm2_pcr_selection *s = &q->selections[i];

		(void)snprintf(name, sizeof(name), "bank 0x%04x", s->hash);
		put(to, size, &at, i == 0 ? "" : "; ");
		put(to, size, &at, failed(pcr_bank_alg(s->hash, &alg)) ? name : digest_name(alg));
		put(to, size, &at, ":");
		put_pcrs(to, size, &at, s->pcrs);
	}
}
