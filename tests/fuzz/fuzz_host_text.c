/* Texts that a host gives: QEMU's version, /proc/cpuinfo, Intel's configuration, and a kernel's
 * command line. */
#include <measured-boot/initdata.h>
#include <runtime/host_services.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The digest that is found in a command line is the one that was put there. */
static void bind_again(struct bytes in)
{
	struct digest_value d = { .alg = DIGEST_SHA256, .n = DIGEST_SHA256_SIZE };
	AUTO(auto_free) char *text = NULL;
	AUTO(auto_free) char *more = NULL;
	bool bound = false;

	memcpy(d.v, in.p, in.n < d.n ? in.n : d.n);
	err_ignore(initdata_check_append(in, &d, &bound)); /* only crashes count */
	if (failed(bytes_to_str(in, &text)) || failed(initdata_append(text, &d, &more)))
		return;
	if (!failed(initdata_check_append(bytes_str(more), &d, &bound)) && !bound)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf url = BUF_INIT(64);
	AUTO(auto_free) char *text = NULL;
	struct bytes in = bytes_of(data, size);
	unsigned major, minor;
	uint64_t policy;

	if (!failed(host_qcnl_url(in, &url)) && (url.n == 0 || url.n > size))
		abort();
	if (vm_cpuinfo_has(in, "flags", "vmx") && !vm_cpuinfo_has_kvm(in))
		abort();
	bind_again(in);
	if (failed(bytes_to_str(in, &text)))
		return 0;
	err_ignore(host_version_parse(text, &major, &minor));
	err_ignore(vm_policy_parse(text, &policy));
	return 0;
}
