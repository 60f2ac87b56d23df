#include "host_check.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>

enum {
	PARAMETER_MAX = 64
};

struct host_check *host_add(
	struct host_checks *out, const char *what, enum host_status status, const char *fmt, ...)
{
	struct host_check *c = &out->v[out->n];
	va_list ap;

	if (out->n < HOST_CHECKS_MAX - 1)
		out->n++;
	*c = (struct host_check){ .what = what, .status = status };
	va_start(ap, fmt);
	(void)vsnprintf(c->found, sizeof(c->found), fmt, ap);
	va_end(ap);
	return c;
}

void host_fix(struct host_check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->fix, sizeof(c->fix), fmt, ap);
	va_end(ap);
}

struct bytes host_line(struct bytes *rest)
{
	const uint8_t *end = memchr(rest->p, '\n', rest->n);
	struct bytes line = bytes_of(rest->p, end ? (size_t)(end - rest->p) : rest->n);
	size_t skip = end ? line.n + 1 : line.n;

	*rest = bytes_of(rest->p + skip, rest->n - skip);
	return line;
}

static bool at_least(struct host_version have, struct host_version want)
{
	return have.major != want.major ? have.major > want.major : have.minor >= want.minor;
}

static void check_cpu(
	const struct host_facts *f, const struct host_need *need, struct host_checks *out)
{
	char found[HOST_FOUND_MAX];
	bool good = need->cpu(f, found, sizeof(found));
	enum host_status bad = need->soft ? HOST_WARN : HOST_BAD;
	struct host_check *c = host_add(out, "CPU", good ? HOST_OK : bad, "%s", found);

	if (!good)
		host_fix(c, "%s",
			need->cpu_fix ? need->cpu_fix
				      : "turn AMD-V or VT-x on in the firmware's setup, or "
					"nested virtualisation where this is a guest");
}

static void check_kernel(
	const struct host_facts *f, const struct host_need *need, struct host_checks *out)
{
	struct host_version have = { f->kernel_major, f->kernel_minor };

	if (need->kernel.major == 0)
		return;
	bool good = at_least(have, need->kernel);
	struct host_check *c = host_add(
		out, "kernel", good ? HOST_OK : HOST_BAD, "Linux %u.%u", have.major, have.minor);
	if (!good)
		host_fix(c, "Linux %u.%u or later is needed", need->kernel.major,
			need->kernel.minor);
}

/* 'Y' and '1' are yes, whatever follows. */
static void check_parameter(
	const struct host_facts *f, const struct host_need *need, struct host_checks *out)
{
	AUTO(buf_done) struct buf text = BUF_INIT(PARAMETER_MAX);
	AUTO(auto_free) char *path = NULL;
	struct host_check *c;

	if (!need->parameter)
		return;
	if (failed(str_format(&path, "%s%s", f->root, need->parameter)) ||
		failed(file_read(path, &text))) {
		c = host_add(out, "kernel parameter", HOST_BAD, "%s is not there", need->parameter);
		host_fix(c, "%s", need->parameter_fix);
		return;
	}
	while (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	bool good = text.n > 0 && (text.p[0] == 'Y' || text.p[0] == '1');
	c = host_add(out, "kernel parameter", good ? HOST_OK : HOST_BAD, "%s is %.*s",
		need->parameter, (int)text.n, (const char *)text.p);
	if (!good)
		host_fix(c, "%s", need->parameter_fix);
}

static void check_device(const struct host_facts *f, const char *device, const char *absent_fix,
	bool soft, struct host_checks *out)
{
	enum host_status bad = soft ? HOST_WARN : HOST_BAD;
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_close) int fd = -1;

	if (!failed(str_format(&path, "%s%s", f->root, device)))
		fd = open(path, O_RDWR | O_CLOEXEC);
	int why = errno;
	if (fd >= 0) {
		(void)host_add(out, "device", HOST_OK, "%s", device);
		return;
	}
	bool absent = why == ENOENT || why == ENXIO || why == ENODEV;
	struct host_check *c = host_add(out, "device", bad, "%s %s", device,
		absent ? "is not there" : "may not be opened by this user");
	host_fix(c, "%s", absent ? absent_fix : "run as root, or join the group that owns it");
}

static void check_kvm(
	const struct host_facts *f, const struct host_need *need, struct host_checks *out)
{
	char how[HOST_FIX_MAX];

	(void)snprintf(how, sizeof(how), "modprobe %s",
		str_equal(need->module, "kvm") ? "kvm_amd, or kvm_intel, or kvm" : need->module);
	check_device(f, "/dev/kvm", how, need->soft, out);
}

/* One name a line, indented. */
static bool has_object(const struct host_qemu *qemu, const char *object)
{
	struct bytes rest = buf_bytes(&qemu->objects), want = bytes_str(object);

	while (rest.n > 0) {
		struct bytes line = host_line(&rest);

		while (line.n > 0 && line.p[0] == ' ')
			line = bytes_of(line.p + 1, line.n - 1);
		if (bytes_equal(line, want))
			return true;
	}
	return false;
}

/* The guest's own: what this host runs for `none`, else the only one that the platform has. */
static enum vm_arch guest_arch(const struct host_facts *f, const struct vm_platform *p)
{
	if (f->arch < VM_ARCHS && p->archs & 1u << f->arch)
		return f->arch;
	return (enum vm_arch)__builtin_ctz(p->archs);
}

static void check_qemu(const struct host_facts *f, const struct host_question *q,
	const struct host_need *need, struct host_checks *out)
{
	enum vm_arch arch = guest_arch(f, q->platform);
	const char *program = vm_arch_info(arch)->qemu;
	const struct host_qemu *qemu = &f->qemu[arch];
	struct host_version have = { qemu->major, qemu->minor };
	struct host_check *c;

	if (!qemu->found) {
		c = host_add(out, "QEMU", HOST_BAD, "%s is not installed", program);
		host_fix(c, "install QEMU %u.%u or later (Debian: %s)", need->qemu.major,
			need->qemu.minor,
			arch == VM_ARCH_S390X ? "qemu-system-misc" : "qemu-system-x86");
		return;
	}
	bool new_enough = at_least(have, need->qemu);
	bool knows = !need->object || has_object(qemu, need->object);
	c = host_add(out, "QEMU", new_enough && knows ? HOST_OK : HOST_BAD, "%s %u.%u%s%s", program,
		have.major, have.minor,
		!need->object ? ""
		: knows	      ? " with "
			      : " without ",
		need->object ? need->object : "");
	if (!new_enough)
		host_fix(c, "QEMU %u.%u or later is needed", need->qemu.major, need->qemu.minor);
	else if (!knows)
		host_fix(c, "a QEMU built with KVM and %s", need->object);
}

static void check_program(
	const struct host_facts *f, const struct host_need *need, struct host_checks *out)
{
	if (!need->program)
		return;
	if (host_program(f->root, need->program)) {
		(void)host_add(out, "program", HOST_OK, "%s", need->program);
		return;
	}
	struct host_check *c =
		host_add(out, "program", HOST_BAD, "%s is not installed", need->program);
	host_fix(c, "install %s", need->program);
}

/* A guest starts without them, but proves nothing to anybody. */
static void check_quotes(const struct host_facts *f, const struct host_question *q,
	const struct host_need *need, struct host_checks *out)
{
	static const char in_file[] = "unix://";
	const char *address = q->quote_socket ? q->quote_socket : host_quote_socket(f->root);
	AUTO(auto_free) char *path = NULL;

	if (!need->quotes)
		return;
	bool file = str_starts(address, in_file);
	bool there = !failed(str_format(&path, "%s%s", f->root,
			     file ? address + sizeof(in_file) - 1 : "/dev/vsock")) &&
		     file_exists(path);
	struct host_check *c = host_add(out, "quotes", there ? HOST_OK : HOST_WARN, "%s%s", address,
		there  ? ""
		: file ? ": no such socket"
		       : ": no /dev/vsock to reach it by");
	if (!there)
		host_fix(c, "start Intel's quote generation service (qgsd); without it guests "
			    "start but "
			    "cannot attest");
}

static bool right_host(
	const struct host_facts *f, const struct host_question *q, struct host_checks *out)
{
	const struct vm_platform *p = q->platform;

	if (!p->hardware || (f->arch < VM_ARCHS && p->archs & 1u << f->arch))
		return true;
	struct host_check *c = host_add(out, "architecture", HOST_BAD, "this host is %s",
		f->arch < VM_ARCHS ? vm_arch_info(f->arch)->name : "neither x86_64 nor s390x");
	host_fix(c, "an %s host", vm_arch_info(guest_arch(f, p))->name);
	return false;
}

void host_check_all(const struct host_facts *f, const struct host_question *q,
	const struct host_need *need, struct host_checks *out)
{
	/* On another architecture every further line would say the same. */
	if (!right_host(f, q, out))
		return;
	check_cpu(f, need, out);
	check_kernel(f, need, out);
	check_parameter(f, need, out);
	check_kvm(f, need, out);
	if (need->device)
		check_device(f, need->device,
			"modprobe ccp; the kernel log says why it does not serve (dmesg | grep -i "
			"ccp)",
			need->soft, out);
	check_qemu(f, q, need, out);
	host_check_firmware(f, q, need, out);
	check_program(f, need, out);
	check_quotes(f, q, need, out);
}
