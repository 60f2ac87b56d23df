#include <base/json.h>
#include <measured-boot/authenticode.h>
#include <measured-boot/cmdline.h>
#include <measured-boot/linux_boot.h>
#include <measured-boot/ovmf.h>
#include <measured-boot/reference.h>

static const enum digest_alg bank = DIGEST_SHA256;

const uint64_t reference_memory_mib[] = { 256, 384, 512, 768, 1024, 1536, 2048, 2560, 0 };

static const struct {
	const char *name, *text;
} cmdlines[] = {
#define X(name, text) { name, text },
	LINUX_CMDLINES(X)
#undef X
};

RESULT pcr_extend(struct digest_value *value, const struct digest_value *event)
{
	struct digest_value before = *value;

	if (before.n == 0) {
		before = (struct digest_value){ .alg = event->alg, .n = digest_size(event->alg) };
	} else if (before.alg != event->alg) {
		return err_new(ERR_STATE, "a PCR of one bank extended with a digest of another");
	}
	return digest2(event->alg, digest_bytes(&before), digest_bytes(event), value);
}

static RESULT extend_with(struct digest_value *pcr, struct bytes data)
{
	struct digest_value event = { 0 };

	TRY(digest(bank, data, &event));
	return pcr_extend(pcr, &event);
}

static RESULT extend_separator(struct digest_value *pcr)
{
	static const uint8_t zero[4];

	return extend_with(pcr, BYTES_OF(zero));
}

/* The order of a boot with -kernel: the image is loaded, and so measured, before the boot option
 * runs. (TCG PC Client PFP 3.3.4.5) */
static RESULT pcr4(const struct digest_value *kernel, struct digest_value *ret)
{
	struct digest_value pcr = { 0 };

	TRY(pcr_extend(&pcr, kernel));
	TRY(extend_with(&pcr, bytes_str("Calling EFI Application from Boot Option")));
	TRY(extend_separator(&pcr));
	*ret = pcr;
	return OK;
}

static RESULT compute_kernels(const struct reference_inputs *in, struct reference_values *v)
{
	for (size_t i = 0; reference_memory_mib[i] != 0; i++) {
		AUTO(buf_done) struct buf patched = BUF_INIT(LINUX_KERNEL_MAX);
		struct reference_kernel *k = &v->kernels[i];
		k->memory_mib = reference_memory_mib[i];
		TRY(linux_qemu_kernel(in->kernel, k->memory_mib, in->initrd.n, &patched));
		TRY(authenticode_digest(buf_bytes(&patched), bank, &k->digest));
		TRY(pcr4(&k->digest, &k->pcr4));
		v->n_kernels = i + 1;
	}
	return OK;
}

/* The EFI stub measures its options, then the initrd; nothing else goes to PCR 9. */
static RESULT compute_cmdlines(struct reference_values *v)
{
	for (size_t i = 0; i < ARRAY_LEN(cmdlines); i++) {
		struct reference_cmdline *c = &v->cmdlines[i];
		c->name = cmdlines[i].name;
		c->text = cmdlines[i].text;
		TRY(linux_cmdline_digest(c->text, bank, &c->digest));
		TRY(pcr_extend(&c->pcr9, &c->digest));
		TRY(pcr_extend(&c->pcr9, &v->initrd));
	}
	v->n_cmdlines = ARRAY_LEN(cmdlines);
	return OK;
}

static RESULT compute_firmware(struct bytes firmware, struct reference_values *v)
{
	struct ovmf_measurement m = { 0 };

	TRY(ovmf_measure(firmware, "", bank, &m));
	v->crtm = m.crtm_version;
	v->firmware[0] = m.pei;
	v->firmware[1] = m.dxe;
	TRY(pcr_extend(&v->pcr0, &m.crtm_version));
	TRY(pcr_extend(&v->pcr0, &m.pei));
	TRY(pcr_extend(&v->pcr0, &m.dxe));
	return extend_separator(&v->pcr0);
}

RESULT reference_compute(const struct reference_inputs *in, struct reference_values *ret_values)
{
	struct reference_values v = { 0 };

	TRY(compute_firmware(in->firmware, &v));
	TRY(digest(bank, in->initrd, &v.initrd));
	TRY(compute_kernels(in, &v));
	TRY(compute_cmdlines(&v));
	*ret_values = v;
	return OK;
}

/* ---- printing ---- */

static void put_digest(struct json_writer *w, const struct digest_value *d)
{
	jw_hex(w, digest_bytes(d));
}

static void put_values(struct json_writer *w, const struct reference_values *v)
{
	jw_key(w, "reference_values");
	jw_object(w);
	jw_key(w, "vtpm.crtm");
	jw_array(w);
	put_digest(w, &v->crtm);
	jw_array_end(w);
	jw_key(w, "vtpm.firmware");
	jw_array(w);
	for (size_t i = 0; i < ARRAY_LEN(v->firmware); i++)
		put_digest(w, &v->firmware[i]);
	jw_array_end(w);
	jw_key(w, "vtpm.kernel");
	jw_array(w);
	for (size_t i = 0; i < v->n_kernels; i++)
		put_digest(w, &v->kernels[i].digest);
	jw_array_end(w);
	jw_key(w, "vtpm.cmdline");
	jw_array(w);
	for (size_t i = 0; i < v->n_cmdlines; i++)
		put_digest(w, &v->cmdlines[i].digest);
	jw_array_end(w);
	jw_key(w, "vtpm.initrd");
	jw_array(w);
	put_digest(w, &v->initrd);
	jw_array_end(w);
	jw_object_end(w);
}

static RESULT put_file(struct json_writer *w, const char *name, struct bytes data)
{
	struct digest_value d = { 0 };

	TRY(digest(bank, data, &d));
	jw_key(w, name);
	jw_object(w);
	jw_ku64(w, "size", data.n);
	jw_khex(w, "sha256", digest_bytes(&d));
	jw_object_end(w);
	return OK;
}

static void put_pcrs(struct json_writer *w, const struct reference_values *v)
{
	jw_khex(w, "pcr0", digest_bytes(&v->pcr0));
	jw_key(w, "pcr4");
	jw_array(w);
	for (size_t i = 0; i < v->n_kernels; i++) {
		jw_object(w);
		jw_ku64(w, "memory_mib", v->kernels[i].memory_mib);
		jw_khex(w, "kernel", digest_bytes(&v->kernels[i].digest));
		jw_khex(w, "pcr4", digest_bytes(&v->kernels[i].pcr4));
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_key(w, "pcr9");
	jw_array(w);
	for (size_t i = 0; i < v->n_cmdlines; i++) {
		jw_object(w);
		jw_kstr(w, "name", v->cmdlines[i].name);
		jw_kstr(w, "cmdline", v->cmdlines[i].text);
		jw_khex(w, "pcr9", digest_bytes(&v->cmdlines[i].pcr9));
		jw_object_end(w);
	}
	jw_array_end(w);
}

RESULT reference_print(
	const struct reference_inputs *in, const struct reference_values *values, struct buf *json)
{
	struct json_writer w = jw_of(json);

	jw_object(&w);
	jw_ku64(&w, "version", 1);
	put_values(&w, values);
	jw_key(&w, "inputs");
	jw_object(&w);
	jw_kstr(&w, "kernel_version", in->kernel_version);
	TRY(put_file(&w, "firmware", in->firmware));
	TRY(put_file(&w, "kernel", in->kernel));
	TRY(put_file(&w, "initrd", in->initrd));
	put_pcrs(&w, values);
	jw_object_end(&w);
	jw_object_end(&w);
	buf_puts(json, "\n");
	return buf_end(json, "reference values");
}
