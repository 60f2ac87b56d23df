/* Interfaces that come after the machine has started: Docker makes them between Create and Start.
 */
#include "sandbox_internal.h"

#include <base/clock.h>
#include <net/netns.h>

enum {
	ROUND_MS = 50,
	ARGUMENTS_MAX = 1024
};

/* What is measured at launch, ACPI's tables among it, stays as it is without them. */
size_t sandbox_hot_nics(const struct sandbox *s)
{
	bool measured = s->c.runtime->platform->firmware != VM_FIRMWARE_NONE;

	return s->netns_fd >= 0 && !measured ? VM_HOT_NICS_MAX : 0;
}

RESULT sandbox_network_begin(struct sandbox *s)
{
	AUTO(auto_free) char *path = NULL;

	if (!s->c.new_netns || s->netns || s->c.runtime->network != NETWORK_TCFILTER)
		return pod_network_attach(s->netns, s->c.runtime, &s->network);
	TRY(netns_new(&s->netns_fd));
	TRY(str_format(&path, "/proc/%d/fd/%d", (int)getpid(), s->netns_fd));
	return pod_network_attach(path, s->c.runtime, &s->network);
}

/* ---- QEMU's monitor ---- */

static void on_answer(void *arg, struct err e, const struct json *value)
{
	struct sandbox *s = arg;

	(void)value;
	err_save(e, &s->qmp_answer.result);
	s->qmp_answer.done = true;
}

static RESULT command(struct sandbox *s, const char *name, const struct buf *arguments, int fd)
{
	const struct qmp_command c = { .name = name, .arguments = buf_bytes(arguments), .fd = fd };

	s->qmp_answer.done = false;
	TRY(qmp_execute(&s->machine.qmp, &c, on_answer, s));
	while (!s->qmp_answer.done) {
		TRY(sandbox_check(s));
		TRY(loop_once(s->c.loop, ROUND_MS));
	}
	return s->qmp_answer.result.code == ERR_OK ? OK : err_restore(&s->qmp_answer.result);
}

static RESULT hand_over(struct sandbox *s, size_t number, const struct vm_nic *nic)
{
	for (size_t q = 0; q < nic->n_fds; q++) {
		AUTO(buf_done) struct buf text = BUF_INIT(ARGUMENTS_MAX);

		buf_printf(&text, "{\"fdname\":\"nic%zu-%zu\"}", number, q);
		TRY(buf_end(&text, "getfd"));
		TRY(command(s, "getfd", &text, nic->fds[q]));
	}
	return OK;
}

static RESULT add_backend(struct sandbox *s, size_t number, const struct vm_nic *nic)
{
	AUTO(buf_done) struct buf text = BUF_INIT(ARGUMENTS_MAX);

	buf_printf(&text, "{\"type\":\"tap\",\"id\":\"net%zu\",\"%s\":\"", number,
		nic->n_fds > 1 ? "fds" : "fd");
	for (size_t q = 0; q < nic->n_fds; q++)
		buf_printf(&text, "%snic%zu-%zu", q ? ":" : "", number, q);
	buf_puts(&text, "\"}");
	TRY(buf_end(&text, "netdev_add"));
	return command(s, "netdev_add", &text, -1);
}

static void put_device(
	enum vm_arch arch, size_t number, const struct vm_nic *nic, struct json_writer *w)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "virtio-net-%s", vm_arch_info(arch)->bus);
	jw_kstr(w, "driver", text);
	(void)snprintf(text, sizeof(text), "nic%zu", number);
	jw_kstr(w, "id", text);
	(void)snprintf(text, sizeof(text), "net%zu", number);
	jw_kstr(w, "netdev", text);
	jw_kstr(w, "mac", nic->mac);
	if (nic->mtu)
		jw_ku64(w, "host_mtu", nic->mtu);
	if (nic->n_fds > 1)
		jw_kbool(w, "mq", true);
	if (arch != VM_ARCH_X86_64)
		return;
	/* Two vectors a queue, one for its control and one for changes. */
	if (nic->n_fds > 1)
		jw_ku64(w, "vectors", 2 * nic->n_fds + 2);
	(void)snprintf(text, sizeof(text), VM_HOT_BUS "%zu", number);
	jw_kstr(w, "bus", text);
	jw_kstr(w, "romfile", "");
}

static RESULT plug(struct sandbox *s, size_t number, const struct vm_nic *nic)
{
	AUTO(buf_done) struct buf text = BUF_INIT(ARGUMENTS_MAX);
	struct json_writer w = jw_of(&text);

	jw_object(&w);
	put_device(s->c.runtime->arch, number, nic, &w);
	jw_object_end(&w);
	TRY(buf_end(&text, "device_add"));
	TRY(hand_over(s, number, nic));
	TRY(add_backend(s, number, nic));
	return command(s, "device_add", &text, -1);
}

/* ---- what came ---- */

static RESULT update(struct sandbox *s)
{
	struct vm_config c = { 0 };
	size_t found = 0;

	TRY(pod_network_rescan(s->network, &found));
	if (found == 0)
		return OK;
	pod_network_nics(s->network, &c);
	if (c.n_nics > sandbox_hot_nics(s))
		return err_new(ERR_UNSUPPORTED,
			"%zu network interfaces came after the machine had started, platform %s "
			"takes %zu",
			c.n_nics, s->c.runtime->platform->name, sandbox_hot_nics(s));
	for (size_t i = c.n_nics - found; i < c.n_nics; i++) {
		struct err e = plug(s, i, &c.nics[i]);

		if (failed(e))
			return err_add(e, "network interface %s", c.nics[i].mac);
	}
	return pod_network_tell(s->network, s->agent);
}

RESULT sandbox_network_update(struct sandbox *s)
{
	struct err e;

	if (s->netns_fd < 0)
		return OK;
	if (!s->running || s->starting || s->stopping)
		return err_new(ERR_STATE, "sandbox %s is not running", s->id);
	s->starting = true; /* sandbox_abort() ends it, and so does silence */
	s->heard = clock_monotonic_ms();
	e = update(s);
	s->starting = false;
	return failed(e) ? err_add(e, "network of sandbox %s", s->id) : OK;
}
