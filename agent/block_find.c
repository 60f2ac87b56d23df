#include "block_find.h"

#include <dirent.h>

#include <base/file.h>
#include <sys/stat.h>

enum {
	SLOT_MAX = 0x1f,
	FUNCTION_MAX = 7,
	PXB_BUS_MIN = 0x20,
	PXB_STEPS_MIN = 3,
	SCSI_ID_MAX = 255,
	SCSI_LUN_MAX = 16383,
	CCW_SSID_MAX = 3
};

/* Up to four hexadecimal digits; moves on. */
static bool hex_number(const char **at, size_t digits_max, unsigned *ret_v)
{
	const char *s = *at;
	unsigned v = 0;
	size_t n = 0;

	for (; n < digits_max; n++, s++) {
		if (*s >= '0' && *s <= '9')
			v = v * 16 + (unsigned)(*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			v = v * 16 + (unsigned)(*s - 'a') + 10;
		else
			break;
	}
	*at = s;
	*ret_v = v;
	return n > 0;
}

RESULT pci_path_parse(const char *text, struct pci_path *ret_path)
{
	struct pci_path p = { 0 };

	for (const char *at = text;; at++) {
		unsigned slot = 0, function = 0;

		if (p.n == PCI_STEPS_MAX || !hex_number(&at, 2, &slot))
			return err_new(ERR_FORMAT, "PCI path %.64s", text);
		if (*at == '.' && (at++, !hex_number(&at, 1, &function)))
			return err_new(ERR_FORMAT, "PCI path %.64s", text);
		p.steps[p.n].slot = slot;
		p.steps[p.n++].function = function;
		if (*at == '\0')
			break;
		if (*at != '/')
			return err_new(ERR_FORMAT, "PCI path %.64s", text);
	}
	if (p.n >= PXB_STEPS_MIN && p.steps[0].slot >= PXB_BUS_MIN) {
		p.bus = p.steps[0].slot;
		memmove(p.steps, p.steps + 1, --p.n * sizeof(p.steps[0]));
	}
	for (size_t i = 0; i < p.n; i++)
		if (p.steps[i].slot > SLOT_MAX || p.steps[i].function > FUNCTION_MAX)
			return err_new(ERR_FORMAT, "PCI path %.64s: step %zu", text, i);
	*ret_path = p;
	return OK;
}

RESULT scsi_address_parse(const char *text, unsigned *ret_id, unsigned *ret_lun)
{
	AUTO(auto_free) char *copy = NULL;
	uint64_t id, lun;
	char *colon;

	TRY(str_dup(text, &copy));
	colon = strchr(copy, ':');
	if (!colon)
		return err_new(ERR_FORMAT, "SCSI address %.64s: not ID:LUN", text);
	*colon = '\0';
	TRY(str_to_u64(copy, SCSI_ID_MAX, "SCSI id", &id));
	TRY(str_to_u64(colon + 1, SCSI_LUN_MAX, "SCSI LUN", &lun));
	*ret_id = (unsigned)id;
	*ret_lun = (unsigned)lun;
	return OK;
}

RESULT ccw_address_parse(const char *text, unsigned *ret_ssid, unsigned *ret_devno)
{
	const char *at = text + 2;

	if (!str_starts(text, "0.") || !hex_number(&at, 1, ret_ssid) || *ret_ssid > CCW_SSID_MAX ||
		*at++ != '.' || !hex_number(&at, 4, ret_devno) || *at != '\0')
		return err_new(ERR_FORMAT, "CCW address %.64s: not 0.SSID.DEVNO", text);
	return OK;
}

/* ---- the device tree ---- */

/* The entry of `dir` that begins and ends so; its path takes the place of `dir`. */
static RESULT descend(char **dir, const char *begin, const char *end)
{
	AUTO(auto_closedir) DIR *d = opendir(*dir);
	const struct dirent *e = NULL;
	char *path = NULL;

	while (d && (e = readdir(d)) != NULL) /* NOLINT(concurrency-mt-unsafe): own stream */
		if (e->d_name[0] != '.' && str_starts(e->d_name, begin) && str_ends(e->d_name, end))
			break;
	if (!e)
		return err_new(ERR_NOT_FOUND, "no device in %s yet", *dir);
	TRY(path_join(*dir, e->d_name, &path));
	free(*dir);
	*dir = path;
	return OK;
}

static RESULT device_in(const char *dir, char **ret_device)
{
	AUTO(auto_free) char *at = NULL;

	TRY(path_join(dir, "block", &at));
	TRY(descend(&at, "", ""));
	return str_format(ret_device, "/dev/%s", strrchr(at, '/') + 1);
}

static RESULT virtio_device_in(char **dir, char **ret_device)
{
	TRY(descend(dir, "virtio", ""));
	return device_in(*dir, ret_device);
}

static RESULT named(const char *root, const char *source, char **ret_device)
{
	AUTO(auto_free) char *path = NULL;
	struct stat st;

	if (!str_starts(source, "/dev/") || strstr(source, "..") || strlen(source) > 255)
		return err_new(ERR_FORMAT, "device %.64s: not below /dev", source);
	TRY(str_format(&path, "%s%s", root, source));
	if (stat(path, &st) != 0)
		return err_new(ERR_NOT_FOUND, "no device %s yet", source);
	if (root[0] == '\0' && !S_ISBLK(st.st_mode))
		return err_new(ERR_FORMAT, "%s is no block device", source);
	return str_dup(source, ret_device);
}

static RESULT by_pci(const char *root, const char *source, char **ret_device)
{
	AUTO(auto_free) char *dir = NULL;
	struct pci_path p;

	if (source[0] == '/')
		return named(root, source, ret_device);
	TRY(pci_path_parse(source, &p));
	TRY(str_format(&dir, "%s/sys/devices/pci0000:%02x", root, p.bus));
	for (size_t i = 0; i < p.n; i++) {
		char end[16];

		(void)snprintf(end, sizeof(end), ":%02x.%x", p.steps[i].slot, p.steps[i].function);
		TRY(descend(&dir, "0000:", end));
	}
	return virtio_device_in(&dir, ret_device);
}

static RESULT by_scsi(const char *root, const char *source, char **ret_device)
{
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *inside = NULL;
	unsigned id, lun;
	char end[24];

	TRY(scsi_address_parse(source, &id, &lun));
	TRY(str_format(&dir, "%s/sys/class/scsi_device", root));
	(void)snprintf(end, sizeof(end), ":0:%u:%u", id, lun);
	TRY(descend(&dir, "", end));
	TRY(path_join(dir, "device", &inside));
	return device_in(inside, ret_device);
}

static RESULT by_ccw(const char *root, const char *source, char **ret_device)
{
	AUTO(auto_free) char *dir = NULL;
	unsigned ssid, devno;

	TRY(ccw_address_parse(source, &ssid, &devno));
	TRY(str_format(&dir, "%s/sys/bus/ccw/devices/0.%x.%04x", root, ssid, devno));
	return virtio_device_in(&dir, ret_device);
}

RESULT block_find(const char *root, const char *driver, const char *source, char **ret_device)
{
	static const struct {
		const char *driver;
		RESULT (*find)(const char *root, const char *source, char **ret_device);
	} finders[] = {
		{ "blk", by_pci },
		{ "scsi", by_scsi },
		{ "blk-ccw", by_ccw },
		{ "mmioblk", named },
		{ "nvdimm", named },
	};

	for (size_t i = 0; i < ARRAY_LEN(finders); i++)
		if (str_equal(finders[i].driver, driver))
			return finders[i].find(root, source, ret_device);
	return err_new(ERR_UNSUPPORTED, "block driver %s", driver);
}

RESULT scsi_rescan(const char *root, const char *source)
{
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *what = NULL;
	AUTO(auto_closedir) DIR *d = NULL;
	const struct dirent *e;
	unsigned id, lun;

	TRY(scsi_address_parse(source, &id, &lun));
	TRY(str_format(&dir, "%s/sys/class/scsi_host", root));
	TRY(str_format(&what, "0 %u %u", id, lun));
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe): own stream */
		AUTO(auto_free) char *path = NULL;

		if (e->d_name[0] == '.')
			continue;
		TRY(str_format(&path, "%s/%s/scan", dir, e->d_name));
		TRY(file_write(path, bytes_str(what)));
	}
	return OK;
}
