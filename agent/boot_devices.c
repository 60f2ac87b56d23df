#include "boot.h"

#include <dirent.h>
#include <stdlib.h>

#include <base/file.h>

#ifdef __x86_64__
#include <cpuid.h>

#define CPUID_SEV    0x8000001fu
#define CPUID_TDX    0x21u
#define TDX_NAME_EBX 0x65746e49u /* "Inte" */
#define TDX_NAME_EDX 0x5844546cu /* "lTDX" */
#define TDX_NAME_ECX 0x20202020u /* four blanks */
#endif

#define VIRTIO_DEVICES "/sys/bus/virtio/devices"

enum {
	VIRTIO_ID_ENTROPY = 4,
	VIRTIO_ID_MAX = 63 /* a bit each */
};

/* Virtio 1.2, section 5: device numbers whose drivers are modules of their own. */
static const struct {
	unsigned id;
	const char *group;
} drivers[] = {
	{ 1, "virtio-net" },
	{ 2, "virtio-block" },
	{ 19, "virtio-socket" },
};

/* "0x0001\n"; 0 is no device. */
static unsigned long device_id(const char *dir, const char *name)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(64);
	const char *s;

	if (failed(str_format(&path, "%s/%s/device", dir, name)) || failed(file_read(path, &text)))
		return 0;
	s = buf_cstr(&text);
	return s ? strtoul(s, NULL, 16) : 0;
}

static RESULT present(const char *root, uint64_t *ret_ids)
{
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_closedir) DIR *d = NULL;
	const struct dirent *e;
	uint64_t ids = 0;

	TRY(str_format(&dir, "%s" VIRTIO_DEVICES, root));
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) {
		unsigned long id = e->d_name[0] == '.' ? 0 : device_id(dir, e->d_name);

		if (id <= VIRTIO_ID_MAX)
			ids |= UINT64_C(1) << id;
	}
	*ret_ids = ids;
	return OK;
}

RESULT boot_device_modules(const char *root, const char *file)
{
	uint64_t ids = 0;

	TRY(present(root, &ids));
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (ids >> drivers[i].id & 1)
			TRY(boot_modules(file, drivers[i].group, true));
	return OK;
}

RESULT boot_entropy_module(const char *root, const char *file)
{
	uint64_t ids = 0;

	TRY(present(root, &ids));
	return ids >> VIRTIO_ID_ENTROPY & 1 ? boot_modules(file, "virtio-entropy", true) : OK;
}

#if defined(__x86_64__)

/*
 * AMD64 APM 3, E.4.17: Fn8000_001F EAX bit 1 is SEV, which a guest sees only when it is one.
 * Intel TDX module ABI: leaf 21h names itself in EBX, EDX, ECX.
 */
bool boot_may_be_tee(void)
{
	unsigned a = 0, b = 0, c = 0, d = 0;

	if (__get_cpuid(CPUID_SEV, &a, &b, &c, &d) && (a & 2) != 0)
		return true;
	return __get_cpuid_count(CPUID_TDX, 0, &a, &b, &c, &d) && b == TDX_NAME_EBX &&
	       d == TDX_NAME_EDX && c == TDX_NAME_ECX;
}

#elif defined(__s390x__)

/* Linux arch/s390/kernel/uv.c: "1" in a guest that the Ultravisor protects. */
bool boot_may_be_tee(void)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64);

	return !failed(file_read("/sys/firmware/uv/prot_virt_guest", &text)) && text.n > 0 &&
	       text.p[0] == '1';
}

#else

bool boot_may_be_tee(void)
{
	return true;
}

#endif
