/* What this host says of itself. */
#include "runtime/host_probe.h"

#include <base/process.h>
#include <sys/utsname.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum {
	CPUID_ENCRYPTED_MEMORY = 0x8000001f,
	VERSION_TEXT_MAX = 4096
};

static void read_cpuid(struct host_cpuid *ret_id)
{
	*ret_id = (struct host_cpuid){ 0 };
#if defined(__x86_64__)
	/* Leaves that do not exist are left zero. */
	(void)__get_cpuid_count(
		CPUID_ENCRYPTED_MEMORY, 0, &ret_id->eax, &ret_id->ebx, &ret_id->ecx, &ret_id->edx);
#endif
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Not more than a version needs: others are no versions. */
static bool take_number(const char **text, unsigned *ret_v)
{
	unsigned v = 0, digits = 0;

	for (; is_digit(**text) && digits < 5; (*text)++, digits++)
		v = v * 10 + (unsigned)(**text - '0');
	*ret_v = v;
	return digits > 0;
}

RESULT host_version_parse(const char *text, unsigned *ret_major, unsigned *ret_minor)
{
	static const char word[] = "version ";
	const char *at = strstr(text, word);
	unsigned major = 0, minor = 0;

	at = at ? at + sizeof(word) - 1 : text;
	if (!take_number(&at, &major) || *at++ != '.' || !take_number(&at, &minor))
		return err_new(ERR_FORMAT, "'%.60s' has no version in it", text);
	*ret_major = major;
	*ret_minor = minor;
	return OK;
}

static RESULT ask_qemu(const char *program, struct host_qemu *ret_qemu)
{
	const char *const version[] = { program, "--version", NULL };
	const char *const objects[] = { program, "-object", "help", NULL };
	AUTO(buf_done) struct buf text = BUF_INIT(VERSION_TEXT_MAX);

	*ret_qemu = (struct host_qemu){ .objects = BUF_INIT(HOST_OBJECTS_MAX) };
	struct err e = process_run_ok(version, BYTES_NONE, &text);
	if (e.code == ERR_NOT_FOUND || e.code == ERR_SYS)
		return OK; /* not installed */
	if (failed(e))
		return err_add(e, "asking %s for its version", program);
	TRY(host_version_parse(buf_cstr(&text), &ret_qemu->major, &ret_qemu->minor));
	TRY(process_run_ok(objects, BYTES_NONE, &ret_qemu->objects));
	ret_qemu->found = true;
	return OK;
}

RESULT host_facts_read(unsigned archs, struct host_facts *ret_facts)
{
	AUTO(host_facts_done) struct host_facts f = { .root = "", .arch = vm_arch_host() };
	struct utsname host;

	if (uname(&host) < 0)
		return err_new(ERR_SYS, "asking for the kernel's version");
	TRY(host_version_parse(host.release, &f.kernel_major, &f.kernel_minor));
	read_cpuid(&f.cpuid);
	for (unsigned i = 0; i < VM_ARCHS; i++) {
		if (archs & 1u << i)
			TRY(ask_qemu(vm_arch_info((enum vm_arch)i)->qemu, &f.qemu[i]));
	}
	*ret_facts = f;
	f = (struct host_facts){ 0 };
	return OK;
}

void host_facts_done(struct host_facts *f)
{
	for (unsigned i = 0; i < VM_ARCHS; i++)
		buf_done(&f->qemu[i].objects);
}

RESULT host_prepare(const struct host_question *q, struct vm_protection *p)
{
	AUTO(host_facts_done) struct host_facts f = { 0 };

	TRY(host_facts_read(q->platform->archs, &f));
	TRY(host_require(&f, q));
	struct host_sev sev = host_sev_of(&f.cpuid);
	p->cbitpos = sev.cbitpos;
	p->reduced_phys_bits = sev.reduced_phys_bits;
	if (!p->quote_socket && q->platform->options & VM_QUOTE_SOCKET)
		p->quote_socket = host_quote_socket("");
	return OK;
}
