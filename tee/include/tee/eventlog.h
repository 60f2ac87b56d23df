/*
 * TCG event logs (PC Client Platform Firmware Profile 1.06, section 10): the crypto-agile form of
 * TPM 2.0 and CCEL, and the legacy SHA-1 form. A log proves nothing by itself: replay it and
 * compare with quoted registers.
 */
#pragma once

#include <crypto/digest.h>

enum {
	EVENTLOG_MAX = 4 * 1024 * 1024, /* bytes of one log */
	EVENTLOG_EVENTS_MAX = 8192,
	EVENT_DIGESTS_MAX = 8 /* banks of one event */
};

enum event_type {
	EV_POST_CODE = 0x1,
	EV_NO_ACTION = 0x3,
	EV_SEPARATOR = 0x4,
	EV_ACTION = 0x5,
	EV_EVENT_TAG = 0x6,
	EV_S_CRTM_CONTENTS = 0x7,
	EV_S_CRTM_VERSION = 0x8,
	EV_CPU_MICROCODE = 0x9,
	EV_PLATFORM_CONFIG_FLAGS = 0xa,
	EV_TABLE_OF_DEVICES = 0xb,
	EV_COMPACT_HASH = 0xc,
	EV_IPL = 0xd,
	EV_IPL_PARTITION_DATA = 0xe,
	EV_NONHOST_CODE = 0xf,
	EV_NONHOST_CONFIG = 0x10,
	EV_NONHOST_INFO = 0x11,
	EV_OMIT_BOOT_DEVICE_EVENTS = 0x12,
};

/* Types above INT_MAX do not fit an enum in C17. */
#define EV_EFI_VARIABLE_DRIVER_CONFIG	 0x80000001u
#define EV_EFI_VARIABLE_BOOT		 0x80000002u
#define EV_EFI_BOOT_SERVICES_APPLICATION 0x80000003u
#define EV_EFI_BOOT_SERVICES_DRIVER	 0x80000004u
#define EV_EFI_RUNTIME_SERVICES_DRIVER	 0x80000005u
#define EV_EFI_GPT_EVENT		 0x80000006u
#define EV_EFI_ACTION			 0x80000007u
#define EV_EFI_PLATFORM_FIRMWARE_BLOB	 0x80000008u
#define EV_EFI_HANDOFF_TABLES		 0x80000009u
#define EV_EFI_PLATFORM_FIRMWARE_BLOB2	 0x8000000au
#define EV_EFI_HANDOFF_TABLES2		 0x8000000bu
#define EV_EFI_VARIABLE_BOOT2		 0x8000000cu
#define EV_EFI_HCRTM_EVENT		 0x80000010u
#define EV_EFI_VARIABLE_AUTHORITY	 0x800000e0u
#define EV_EFI_SPDM_FIRMWARE_BLOB	 0x800000e1u
#define EV_EFI_SPDM_FIRMWARE_CONFIG	 0x800000e2u

/* EV_EVENT_TAG ids of the Linux EFI stub. */
#define EVENT_TAG_LOAD_OPTIONS 0x8f3b22edu
#define EVENT_TAG_INITRD       0x8f3b22ecu

struct event_digest {
	uint16_t tpm_alg; /* TPM_ALG_ID as logged; algorithms unknown to us are kept */
	struct bytes digest;
};

struct event {
	uint32_t pcr; /* PCR index, or CC measurement register index in a CCEL */
	uint32_t type;
	struct event_digest digests[EVENT_DIGESTS_MAX];
	size_t n_digests;
	struct bytes data;
};

/* Views into the bytes given to eventlog_parse(), which must outlive it. */
struct eventlog {
	struct event *v; /* without the leading Spec ID event of the crypto-agile form */
	size_t n;
	bool crypto_agile; /* false: legacy log, digests are SHA-1 */
};

enum eventlog_end {
	EVENTLOG_EXACT,	 /* the log fills the bytes: what Linux shows in securityfs */
	EVENTLOG_PADDED, /* ends at 8 bytes of 0x00 or 0xff, the rest is not looked at: a CCEL */
};

/* Little-endian records, bounded by the limits above. ERR_FORMAT names the event's number (from 1,
 * the Spec ID event not counted). */
RESULT eventlog_parse(struct bytes log, enum eventlog_end end, struct eventlog *ret_log);
void eventlog_done(struct eventlog *l);

/* The event's digest in one bank; n = 0 when it has none. */
struct bytes event_digest(const struct event *e, enum digest_alg alg);
/* True when the digest is that of the event's own data (separators, actions, variables). */
bool event_digest_matches(const struct event *e, enum digest_alg alg);
/* "EV_SEPARATOR"; "unknown event type" for others. */
const char *event_type_name(uint32_t type);

/*
 * Value of one register after the whole log: starts at zero (PCR 0: the locality of a
 * StartupLocality event in the last byte; PCRs 17-22: all ones), EV_NO_ACTION extends nothing.
 * ERR_FORMAT when an event has no digest in the bank.
 */
RESULT eventlog_replay(const struct eventlog *l, enum digest_alg alg, uint32_t pcr,
	struct digest_value *ret_value);
/* value = H(value || digest). */
RESULT pcr_extend(struct digest_value *value, struct bytes digest);

/* What the events of a measured direct kernel boot (OVMF, Linux EFI stub) stand for. */
enum event_kind {
	EVENT_OTHER,
	EVENT_NO_ACTION,
	EVENT_CRTM_VERSION,
	EVENT_FIRMWARE_BLOB, /* a firmware volume */
	EVENT_SEPARATOR,     /* of the regular kind: four zero bytes, and the digest of them */
	EVENT_CALLING_APPLICATION, /* EV_EFI_ACTION, text and digest checked */
	EVENT_BOOT_APPLICATION,	   /* digest: Authenticode of the kernel */
	EVENT_LOAD_OPTIONS,	   /* digest: command line in UTF-16LE with its NUL */
	EVENT_INITRD,		   /* digest: the initrd file */
	EVENT_BOOT_VARIABLE,
	EVENT_SECURE_BOOT_VARIABLE,
	EVENT_EXIT_BOOT_SERVICES, /* EV_EFI_ACTION "Exit Boot Services ..." */
};
enum event_kind event_kind(const struct event *e, enum digest_alg alg);
/* The id and data of an EV_EVENT_TAG event; false when it is none or malformed. */
bool event_tag(const struct event *e, uint32_t *ret_id, struct bytes *ret_data);
