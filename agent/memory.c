/*
 * Memory that the host adds later. Only in the open world: the host reads what is swapped to its
 * disks, and memory that appears after the launch was never measured.
 */
#include "reply.h"
#include "requests.h"

#include <dirent.h>

#include <base/file.h>
#include <sys/swap.h>

#define PROBE "/sys/devices/system/memory/probe"

enum {
	PROBES_MAX = 1024,
	PCI_STEPS_MAX = 8
};

static RESULT check_open(const struct agent *a, const char *request)
{
	if (a->open_world)
		return OK;
	return err_deny(ERR_DENIED, "manifest.request", request, "(never with a manifest)",
		"memory of the host");
}

static RESULT add_path(struct agent *a, struct bytes payload)
{
	AUTO(pb_free_any) Agent__AddSwapPathRequest *q = NULL;

	TRY(PB_UNPACK(agent__add_swap_path_request, payload, &q));
	TRY(check_open(a, "AddSwapPath"));
	if (!str_starts(q->path, "/dev/") || strstr(q->path, ".."))
		return err_new(ERR_FORMAT, "path: not a device");
	return a->effects->swap_on(q->path);
}

void memory_add_swap_path(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	reply_result(call, add_path(a, payload));
}

/* The root bus, then a bridge or the device a step: "0000:00:02.0/0000:01:03.0". */
static RESULT pci_directory(const uint32_t *slots, size_t n, struct buf *path)
{
	buf_printf(path, "/sys/devices/pci0000:00");
	for (size_t i = 0; i < n; i++) {
		AUTO(auto_closedir) DIR *d = NULL;
		const struct dirent *e;
		char end[16];
		bool found = false;

		(void)snprintf(end, sizeof(end), ":%02x.0", slots[i]);
		d = buf_cstr(path) ? opendir(buf_cstr(path)) : NULL;
		/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
		while (d && !found && (e = readdir(d)) != NULL)
			if (strlen(e->d_name) == 12 && str_ends(e->d_name, end)) {
				buf_printf(path, "/%s", e->d_name);
				found = true;
			}
		if (!found)
			return err_new(ERR_NOT_FOUND, "PCI slot %02x: no device", slots[i]);
	}
	return buf_end(path, "PCI path");
}

/* <pci device>/virtioN/block/NAME */
static RESULT disk_below(const char *pci, char **ret_path)
{
	AUTO(auto_closedir) DIR *d = opendir(pci);
	const struct dirent *e;

	/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (d && (e = readdir(d)) != NULL) {
		AUTO(auto_free) char *block = NULL;
		AUTO(auto_closedir) DIR *disks = NULL;
		const struct dirent *disk;

		if (!str_starts(e->d_name, "virtio"))
			continue;
		TRY(str_format(&block, "%s/%s/block", pci, e->d_name));
		disks = opendir(block);
		/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
		while (disks && (disk = readdir(disks)) != NULL)
			if (disk->d_name[0] != '.')
				return str_format(ret_path, "/dev/%s", disk->d_name);
	}
	return err_new(ERR_NOT_FOUND, "%s: no disk", pci);
}

static RESULT add_swap(struct agent *a, struct bytes payload)
{
	AUTO(pb_free_any) Agent__AddSwapRequest *q = NULL;
	AUTO(buf_done) struct buf pci = BUF_INIT(1024);
	AUTO(auto_free) char *path = NULL;

	TRY(PB_UNPACK(agent__add_swap_request, payload, &q));
	TRY(check_open(a, "AddSwap"));
	if (q->n_pcipath == 0 || q->n_pcipath > PCI_STEPS_MAX)
		return err_new(ERR_FORMAT, "PCIPath: %zu slots", q->n_pcipath);
	for (size_t i = 0; i < q->n_pcipath; i++)
		if (q->pcipath[i] > 0x1f)
			return err_new(ERR_FORMAT, "PCIPath: slot %u", q->pcipath[i]);
	TRY(pci_directory(q->pcipath, q->n_pcipath, &pci));
	TRY(disk_below(buf_cstr(&pci), &path));
	return a->effects->swap_on(path);
}

void memory_add_swap(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	reply_result(call, add_swap(a, payload));
}

static RESULT probe(struct agent *a, struct bytes payload)
{
	AUTO(pb_free_any) Agent__MemHotplugByProbeRequest *q = NULL;

	TRY(PB_UNPACK(agent__mem_hotplug_by_probe_request, payload, &q));
	TRY(check_open(a, "MemHotplugByProbe"));
	if (q->n_memhotplugprobeaddr > PROBES_MAX)
		return err_new(ERR_LIMIT, "more than %d addresses", PROBES_MAX);
	for (size_t i = 0; i < q->n_memhotplugprobeaddr; i++)
		TRY(a->effects->memory_probe(q->memhotplugprobeaddr[i]));
	return OK;
}

void memory_probe(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	reply_result(call, probe(a, payload));
}

RESULT effect_swap(const char *path)
{
	if (swapon(path, 0) != 0)
		return err_new(ERR_SYS, "swapping to %s", path);
	return OK;
}

RESULT effect_memory_probe(uint64_t address)
{
	char text[32];

	if (!file_exists(PROBE))
		return err_new(ERR_UNSUPPORTED, "this kernel does not probe for memory");
	(void)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)address);
	return file_write(PROBE, bytes_str(text));
}
