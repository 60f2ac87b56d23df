#include <stdlib.h>

#include <base/auto.h>
#include <base/reader.h>
#include <tee/eventlog.h>

enum {
	TPM_ALG_SHA1 = 0x0004,
	TPM_ALG_SHA256 = 0x000b,
	TPM_ALG_SHA384 = 0x000c,
	TPM_ALG_SHA512 = 0x000d,
	TPM_ALG_SM3_256 = 0x0012,
	SPEC_ID_ALGS_MAX = EVENT_DIGESTS_MAX,
	PAD_RUN = 8,
	EVENTS_AT_ONCE = 64,
	DRTM_PCR_FIRST = 17,
	DRTM_PCR_LAST = 22,
};

static const char spec_id_signature[16] = "Spec ID Event03";
static const char startup_locality_signature[16] = "StartupLocality";

static const struct {
	enum digest_alg alg;
	uint16_t tpm_alg;
} algs[] = {
	{ DIGEST_SHA1, TPM_ALG_SHA1 },
	{ DIGEST_SHA256, TPM_ALG_SHA256 },
	{ DIGEST_SHA384, TPM_ALG_SHA384 },
	{ DIGEST_SHA512, TPM_ALG_SHA512 },
	{ DIGEST_SM3, TPM_ALG_SM3_256 },
};

static const struct {
	uint32_t type;
	const char *name;
} type_names[] = {
	{ EV_POST_CODE, "EV_POST_CODE" },
	{ EV_NO_ACTION, "EV_NO_ACTION" },
	{ EV_SEPARATOR, "EV_SEPARATOR" },
	{ EV_ACTION, "EV_ACTION" },
	{ EV_EVENT_TAG, "EV_EVENT_TAG" },
	{ EV_S_CRTM_CONTENTS, "EV_S_CRTM_CONTENTS" },
	{ EV_S_CRTM_VERSION, "EV_S_CRTM_VERSION" },
	{ EV_CPU_MICROCODE, "EV_CPU_MICROCODE" },
	{ EV_PLATFORM_CONFIG_FLAGS, "EV_PLATFORM_CONFIG_FLAGS" },
	{ EV_TABLE_OF_DEVICES, "EV_TABLE_OF_DEVICES" },
	{ EV_COMPACT_HASH, "EV_COMPACT_HASH" },
	{ EV_IPL, "EV_IPL" },
	{ EV_IPL_PARTITION_DATA, "EV_IPL_PARTITION_DATA" },
	{ EV_NONHOST_CODE, "EV_NONHOST_CODE" },
	{ EV_NONHOST_CONFIG, "EV_NONHOST_CONFIG" },
	{ EV_NONHOST_INFO, "EV_NONHOST_INFO" },
	{ EV_OMIT_BOOT_DEVICE_EVENTS, "EV_OMIT_BOOT_DEVICE_EVENTS" },
	{ EV_EFI_VARIABLE_DRIVER_CONFIG, "EV_EFI_VARIABLE_DRIVER_CONFIG" },
	{ EV_EFI_VARIABLE_BOOT, "EV_EFI_VARIABLE_BOOT" },
	{ EV_EFI_BOOT_SERVICES_APPLICATION, "EV_EFI_BOOT_SERVICES_APPLICATION" },
	{ EV_EFI_BOOT_SERVICES_DRIVER, "EV_EFI_BOOT_SERVICES_DRIVER" },
	{ EV_EFI_RUNTIME_SERVICES_DRIVER, "EV_EFI_RUNTIME_SERVICES_DRIVER" },
	{ EV_EFI_GPT_EVENT, "EV_EFI_GPT_EVENT" },
	{ EV_EFI_ACTION, "EV_EFI_ACTION" },
	{ EV_EFI_PLATFORM_FIRMWARE_BLOB, "EV_EFI_PLATFORM_FIRMWARE_BLOB" },
	{ EV_EFI_HANDOFF_TABLES, "EV_EFI_HANDOFF_TABLES" },
	{ EV_EFI_PLATFORM_FIRMWARE_BLOB2, "EV_EFI_PLATFORM_FIRMWARE_BLOB2" },
	{ EV_EFI_HANDOFF_TABLES2, "EV_EFI_HANDOFF_TABLES2" },
	{ EV_EFI_VARIABLE_BOOT2, "EV_EFI_VARIABLE_BOOT2" },
	{ EV_EFI_HCRTM_EVENT, "EV_EFI_HCRTM_EVENT" },
	{ EV_EFI_VARIABLE_AUTHORITY, "EV_EFI_VARIABLE_AUTHORITY" },
	{ EV_EFI_SPDM_FIRMWARE_BLOB, "EV_EFI_SPDM_FIRMWARE_BLOB" },
	{ EV_EFI_SPDM_FIRMWARE_CONFIG, "EV_EFI_SPDM_FIRMWARE_CONFIG" },
};

/* Digest sizes that the Spec ID event declares: the only way past an algorithm unknown to us. */
struct sizes {
	uint16_t alg[SPEC_ID_ALGS_MAX];
	uint16_t size[SPEC_ID_ALGS_MAX];
	size_t n;
};

static size_t known_size(uint16_t tpm_alg)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (algs[i].tpm_alg == tpm_alg)
			return digest_size(algs[i].alg);
	return 0;
}

static size_t declared_size(const struct sizes *s, uint16_t tpm_alg)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->alg[i] == tpm_alg)
			return s->size[i];
	return 0;
}

static bool has_signature(struct bytes data, const char signature[static 16])
{
	return data.n >= 16 && bytes_compare(bytes_of(data.p, 16), bytes_of(signature, 16)) == 0;
}

/* TCG_PCClientPCREvent: the form of the first record, and of every record of a legacy log. */
static void read_legacy(struct reader *r, struct event *e)
{
	e->pcr = rd_le32(r);
	e->type = rd_le32(r);
	e->n_digests = 1;
	e->digests[0].tpm_alg = TPM_ALG_SHA1;
	e->digests[0].digest = rd_take(r, DIGEST_SHA1_SIZE);
	uint32_t size = rd_le32(r);
	e->data = rd_take(r, size);
}

/* TCG_PCR_EVENT2 */
static void read_agile(struct reader *r, const struct sizes *sizes, struct event *e)
{
	e->pcr = rd_le32(r);
	e->type = rd_le32(r);
	uint32_t count = rd_le32(r);
	if (count == 0 || count > EVENT_DIGESTS_MAX)
		r->bad = true;
	for (uint32_t i = 0; i < count && rd_ok(r); i++) {
		struct event_digest *d = &e->digests[i];

		d->tpm_alg = rd_le16(r);
		size_t size = declared_size(sizes, d->tpm_alg);
		if (size == 0)
			r->bad = true;
		d->digest = rd_take(r, size);
		for (uint32_t j = 0; j < i; j++)
			if (e->digests[j].tpm_alg == d->tpm_alg)
				r->bad = true;
		e->n_digests++;
	}
	uint32_t size = rd_le32(r);
	e->data = rd_take(r, size);
}

/* TCG_EfiSpecIdEvent */
static struct err parse_spec_id(struct bytes data, struct sizes *ret_sizes)
{
	struct reader r = rd_of(data);
	struct sizes s = { 0 };

	rd_skip(&r, sizeof(spec_id_signature));
	rd_skip(&r, 4); /* platform class */
	rd_skip(&r, 4); /* version, errata, uintn size */
	uint32_t n = rd_le32(&r);
	if (rd_ok(&r) && (n == 0 || n > SPEC_ID_ALGS_MAX))
		return err_new(ERR_FORMAT, "event log: Spec ID event lists %u algorithms", n);
	for (uint32_t i = 0; i < n && rd_ok(&r); i++) {
		s.alg[i] = rd_le16(&r);
		s.size[i] = rd_le16(&r);
		size_t known = known_size(s.alg[i]);
		if (rd_ok(&r) &&
			(s.size[i] == 0 || s.size[i] > DIGEST_MAX || (known && known != s.size[i])))
			return err_new(ERR_FORMAT,
				"event log: algorithm 0x%04x has %u byte digests", s.alg[i],
				s.size[i]);
		s.n++;
	}
	uint8_t vendor = rd_u8(&r);
	rd_skip(&r, vendor);
	TRY(rd_end(&r, "event log: Spec ID event"));
	*ret_sizes = s;
	return OK;
}

static bool at_padding(const struct reader *r)
{
	if (r->left < PAD_RUN)
		return false;
	for (size_t i = 1; i < PAD_RUN; i++)
		if (r->p[i] != r->p[0])
			return false;
	return r->p[0] == 0x00 || r->p[0] == 0xff;
}

static struct err append(struct eventlog *l, const struct event *e)
{
	if (l->n == EVENTLOG_EVENTS_MAX)
		return err_new(ERR_LIMIT, "event log: more than %d events", EVENTLOG_EVENTS_MAX);
	if (l->n % EVENTS_AT_ONCE == 0) {
		struct event *v = reallocarray(l->v, l->n + EVENTS_AT_ONCE, sizeof(struct event));

		if (!v)
			return err_new(ERR_NOMEM, "event log");
		l->v = v;
	}
	l->v[l->n++] = *e;
	return OK;
}

static struct err read_events(
	struct reader *r, enum eventlog_end end, const struct sizes *sizes, struct eventlog *l)
{
	while (rd_more(r)) {
		struct event e = { 0 };

		if (end == EVENTLOG_PADDED && at_padding(r))
			return OK;
		if (l->crypto_agile)
			read_agile(r, sizes, &e);
		else
			read_legacy(r, &e);
		if (!rd_ok(r))
			return err_new(ERR_FORMAT,
				"event log: event %zu: truncated or out of bounds", l->n + 1);
		TRY(append(l, &e));
	}
	return OK;
}

RESULT eventlog_parse(struct bytes log, enum eventlog_end end, struct eventlog *ret_log)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };
	struct reader r = rd_of(log);
	struct sizes sizes = { 0 };
	struct event first = { 0 };

	if (log.n > EVENTLOG_MAX)
		return err_new(ERR_LIMIT, "event log: more than %d bytes", EVENTLOG_MAX);
	read_legacy(&r, &first);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "event log: no complete first event");
	l.crypto_agile = first.type == EV_NO_ACTION && has_signature(first.data, spec_id_signature);
	if (l.crypto_agile)
		TRY(parse_spec_id(first.data, &sizes));
	else
		TRY(append(&l, &first));
	TRY(read_events(&r, end, &sizes, &l));
	*ret_log = l;
	l = (struct eventlog){ 0 };
	return OK;
}

void eventlog_done(struct eventlog *l)
{
	free(l->v);
	*l = (struct eventlog){ 0 };
}

struct bytes event_digest(const struct event *e, enum digest_alg alg)
{
	uint16_t want = 0;

	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (algs[i].alg == alg)
			want = algs[i].tpm_alg;
	for (size_t i = 0; i < e->n_digests; i++)
		if (e->digests[i].tpm_alg == want)
			return e->digests[i].digest;
	return BYTES_NONE;
}

bool event_digest_matches(const struct event *e, enum digest_alg alg)
{
	struct digest_value own;

	return !failed(digest(alg, e->data, &own)) &&
	       bytes_equal(digest_bytes(&own), event_digest(e, alg));
}

const char *event_type_name(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(type_names); i++)
		if (type_names[i].type == type)
			return type_names[i].name;
	return "unknown event type";
}

RESULT pcr_extend(struct digest_value *value, struct bytes extend_with)
{
	struct digest_value next;

	TRY(digest2(value->alg, digest_bytes(value), extend_with, &next));
	*value = next;
	return OK;
}

/* PC Client Platform Firmware Profile, StartupLocality event: counts only before PCR 0 changes. */
static bool startup_locality(const struct event *e, uint8_t *ret_locality)
{
	if (e->type != EV_NO_ACTION || e->data.n != sizeof(startup_locality_signature) + 1 ||
		!has_signature(e->data, startup_locality_signature))
		return false;
	*ret_locality = e->data.p[sizeof(startup_locality_signature)];
	return true;
}

RESULT eventlog_replay(
	const struct eventlog *l, enum digest_alg alg, uint32_t pcr, struct digest_value *ret_value)
{
	struct digest_value value = { .alg = alg, .n = digest_size(alg) };
	bool extended = false;

	if (pcr >= DRTM_PCR_FIRST && pcr <= DRTM_PCR_LAST)
		memset(value.v, 0xff, value.n);
	for (size_t i = 0; i < l->n; i++) {
		const struct event *e = &l->v[i];
		uint8_t locality;

		if (e->pcr != pcr)
			continue;
		if (pcr == 0 && !extended && startup_locality(e, &locality))
			value.v[value.n - 1] = locality;
		if (e->type == EV_NO_ACTION)
			continue;
		struct bytes d = event_digest(e, alg);
		if (d.n != value.n)
			return err_new(ERR_FORMAT, "event log: event %zu (%s) has no %s digest",
				i + 1, event_type_name(e->type), digest_name(alg));
		TRY(pcr_extend(&value, d));
		extended = true;
	}
	*ret_value = value;
	return OK;
}

bool event_tag(const struct event *e, uint32_t *ret_id, struct bytes *ret_data)
{
	struct reader r = rd_of(e->data);

	if (e->type != EV_EVENT_TAG)
		return false;
	uint32_t id = rd_le32(&r);
	uint32_t size = rd_le32(&r);
	struct bytes data = rd_take(&r, size);
	if (!rd_ok(&r) || r.left != 0)
		return false;
	*ret_id = id;
	*ret_data = data;
	return true;
}

static bool data_is(const struct event *e, const char *text)
{
	return bytes_compare(e->data, bytes_str(text)) == 0;
}

static enum event_kind action_kind(const struct event *e, enum digest_alg alg)
{
	if (!event_digest_matches(e, alg))
		return EVENT_OTHER;
	if (data_is(e, "Calling EFI Application from Boot Option"))
		return EVENT_CALLING_APPLICATION;
	if (data_is(e, "Exit Boot Services Invocation") ||
		data_is(e, "Exit Boot Services Returned with Success"))
		return EVENT_EXIT_BOOT_SERVICES;
	return EVENT_OTHER;
}

static enum event_kind tag_kind(const struct event *e)
{
	struct bytes data;
	uint32_t id;

	if (!event_tag(e, &id, &data))
		return EVENT_OTHER;
	if (id == EVENT_TAG_LOAD_OPTIONS)
		return EVENT_LOAD_OPTIONS;
	return id == EVENT_TAG_INITRD ? EVENT_INITRD : EVENT_OTHER;
}

enum event_kind event_kind(const struct event *e, enum digest_alg alg)
{
	/* An error separator holds another value (Firmware Profile, 3.3.2.2). */
	static const uint8_t separator[4] = { 0 };

	switch (e->type) {
	case EV_NO_ACTION:
		return EVENT_NO_ACTION;
	case EV_S_CRTM_VERSION:
		return EVENT_CRTM_VERSION;
	case EV_EFI_PLATFORM_FIRMWARE_BLOB:
		return EVENT_FIRMWARE_BLOB;
	case EV_SEPARATOR:
		return bytes_equal(e->data, BYTES_OF(separator)) && event_digest_matches(e, alg)
			       ? EVENT_SEPARATOR
			       : EVENT_OTHER;
	case EV_EFI_ACTION:
		return action_kind(e, alg);
	case EV_EFI_BOOT_SERVICES_APPLICATION:
		return EVENT_BOOT_APPLICATION;
	case EV_EVENT_TAG:
		return tag_kind(e);
	case EV_EFI_VARIABLE_BOOT:
	case EV_EFI_VARIABLE_BOOT2:
		return EVENT_BOOT_VARIABLE;
	case EV_EFI_VARIABLE_DRIVER_CONFIG:
		return EVENT_SECURE_BOOT_VARIABLE;
	default:
		return EVENT_OTHER;
	}
}
