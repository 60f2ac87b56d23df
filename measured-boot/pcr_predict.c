#include <measured-boot/pcr_predict.h>
#include <tee/eventlog.h>

static struct digest_value start_of(enum digest_alg alg)
{
	return (struct digest_value){ .alg = alg, .n = digest_size(alg) };
}

static RESULT extend_with(struct digest_value *pcr, struct bytes data)
{
	struct digest_value event = { 0 };

	TRY(digest(pcr->alg, data, &event));
	return pcr_extend(pcr, digest_bytes(&event));
}

static RESULT extend_boot_option(struct digest_value *pcr)
{
	static const uint8_t separator[4];

	TRY(extend_with(pcr, bytes_str("Calling EFI Application from Boot Option")));
	return extend_with(pcr, BYTES_OF(separator));
}

RESULT pcr4_predict(enum pcr_boot boot, const struct digest_value *images, size_t n,
	struct digest_value *ret_pcr)
{
	if (n == 0)
		return err_new(ERR_USAGE, "PCR 4: no image");
	struct digest_value pcr = start_of(images[0].alg);
	if (boot == PCR_BOOT_DISK)
		TRY(extend_boot_option(&pcr));
	for (size_t i = 0; i < n; i++) {
		if (images[i].alg != pcr.alg)
			return err_new(ERR_USAGE, "PCR 4: digests of two algorithms");
		TRY(pcr_extend(&pcr, digest_bytes(&images[i])));
		if (i == 0 && boot == PCR_BOOT_DIRECT)
			TRY(extend_boot_option(&pcr));
	}
	*ret_pcr = pcr;
	return OK;
}

RESULT pcr9_predict(const struct digest_value *load_options, const struct digest_value *initrd,
	struct digest_value *ret_pcr)
{
	struct digest_value pcr = start_of(load_options->alg);

	if (initrd && initrd->alg != pcr.alg)
		return err_new(ERR_USAGE, "PCR 9: digests of two algorithms");
	TRY(pcr_extend(&pcr, digest_bytes(load_options)));
	if (initrd)
		TRY(pcr_extend(&pcr, digest_bytes(initrd)));
	*ret_pcr = pcr;
	return OK;
}
