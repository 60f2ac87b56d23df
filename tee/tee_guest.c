#include "platforms.h"

/* In the order of detection: Azure's vTPM is one of a confidential guest, and a TPM too. */
static const struct driver {
	const struct tee *tee;
	const struct tee_guest_ops *ops;
} drivers[] = {
	{ &tee_tdx, &tdx_guest_ops },
	{ &tee_snp, &snp_guest_ops },
	{ &tee_se, &se_guest_ops },
	{ &tee_az_snp_vtpm, &az_snp_vtpm_guest_ops },
	{ &tee_az_tdx_vtpm, &az_tdx_vtpm_guest_ops },
	{ &tee_vtpm, &vtpm_guest_ops },
	{ &tee_sample, &sample_guest_ops },
};

const struct tee_guest_ops *tee_guest_ops(const struct tee *t)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i].tee == t)
			return drivers[i].ops;
	return NULL;
}

const struct tee *tee_detect(const struct tee_guest_config *c)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (drivers[i].ops->detect(c))
			return drivers[i].tee;
	return NULL;
}
