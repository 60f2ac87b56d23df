/* Firmware at its usual places, and whether it is of the kind that a platform starts. */
#include "host_check.h"

#include <limits.h>

#include <base/file.h>
#include <measured-boot/launch.h>

static const char *const flash_places[] = { "/usr/share/OVMF/OVMF_CODE_4M.fd",
	"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_CODE.fd",
	"/usr/share/qemu/ovmf-x86_64-code.bin", NULL };
static const char *const amd_places[] = { "/usr/share/sealpod/firmware/OVMF.amdsev.fd",
	"/usr/share/ovmf/OVMF.amdsev.fd", "/usr/share/OVMF/OVMF.amdsev.fd",
	"/usr/share/edk2/ovmf/OVMF.amdsev.fd", "/usr/share/qemu/ovmf-x86_64-sev.bin",
	"/opt/kata/share/ovmf/AMDSEV.fd", NULL };
static const char *const tdx_places[] = { "/usr/share/sealpod/firmware/OVMF.inteltdx.fd",
	"/usr/share/ovmf/OVMF.inteltdx.fd", "/usr/share/OVMF/OVMF.inteltdx.fd",
	"/usr/share/edk2/ovmf/OVMF.inteltdx.fd", "/usr/share/qemu/ovmf-x86_64-tdx.bin",
	"/opt/kata/share/ovmf/OVMF.inteltdx.fd", NULL };

static const char *const *places_of(const struct vm_platform *p)
{
	if (p->firmware == VM_FIRMWARE_FLASH)
		return flash_places;
	return p == &vm_tdx ? tdx_places : amd_places;
}

RESULT host_firmware(const char *root, const struct vm_platform *p, struct buf *path)
{
	const char *const *places = places_of(p);

	for (size_t i = 0; places[i]; i++) {
		AUTO(auto_free) char *file = NULL;

		TRY(str_format(&file, "%s%s", root, places[i]));
		if (!file_exists(file))
			continue;
		buf_puts(path, places[i]);
		return buf_end(path, "path of the firmware");
	}
	return err_new(ERR_NOT_FOUND, "no firmware for platform %s: neither %s nor %s nor others",
		p->name, places[0], places[1]);
}

static bool has_hash_page(const struct ovmf_table *t)
{
	for (size_t i = 0; i < t->n_sections; i++) {
		if (t->sections[i].type == OVMF_SEV_KERNEL_HASHES)
			return true;
	}
	return false;
}

/* NULL: it is of that kind. */
static const char *what_amd_lacks(const struct ovmf_table *t, enum host_firmware_kind kind)
{
	if (t->hashes.size == 0)
		return "has no place for the hashes of kernel, command line and initrd";
	if (kind != HOST_FIRMWARE_SEV && !t->has_reset_eip)
		return "does not say where further processors start";
	if (kind == HOST_FIRMWARE_SNP && !has_hash_page(t))
		return "has no SEV-SNP metadata with a page for the hashes";
	return NULL;
}

static const char *what_it_lacks(struct bytes image, enum host_firmware_kind kind)
{
	struct ovmf_table table;
	struct tdvf tdvf;

	if (kind == HOST_FIRMWARE_ANY)
		return NULL;
	if (kind == HOST_FIRMWARE_TDX)
		return failed(tdvf_parse(image, &tdvf)) ? "is no TDX firmware" : NULL;
	if (failed(ovmf_table_parse(image, &table)))
		return "has a damaged table at its end";
	return what_amd_lacks(&table, kind);
}

static void check_image(const struct host_facts *f, const char *path, const struct host_need *need,
	struct host_checks *out)
{
	AUTO(buf_done) struct buf image = BUF_INIT(OVMF_CODE_MAX);
	AUTO(auto_free) char *full = NULL;
	const char *lack;

	if (failed(str_format(&full, "%s%s", f->root, path)) || !file_exists(full))
		lack = "is not there";
	else if (failed(file_read(full, &image)))
		lack = "cannot be read";
	else
		lack = what_it_lacks(buf_bytes(&image), need->firmware);
	struct host_check *c = host_add(out, "firmware", lack ? HOST_BAD : HOST_OK, "%s%s%s", path,
		lack ? " " : "", lack ? lack : "");
	if (lack)
		host_fix(c, "%s", need->firmware_fix);
}

void host_check_firmware(const struct host_facts *f, const struct host_question *q,
	const struct host_need *need, struct host_checks *out)
{
	AUTO(buf_done) struct buf path = BUF_INIT(PATH_MAX);

	if (need->firmware == HOST_FIRMWARE_NONE)
		return;
	if (q->firmware || !failed(host_firmware(f->root, q->platform, &path))) {
		check_image(f, q->firmware ? q->firmware : buf_cstr(&path), need, out);
		return;
	}
	struct host_check *c = host_add(out, "firmware", HOST_BAD, "none at the usual places");
	host_fix(c, "%s", need->firmware_fix);
}
