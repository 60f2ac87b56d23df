/*
 * Judges an SNP report with libsealpod-verify:
 *
 *	cc verify.c $(pkg-config --cflags --libs sealpod-verify) -o verify
 *	./verify report.bin collateral-directory 00112233...
 */
#include <stdio.h>

#include <sealpod/verify.h>

int main(int argc, char **argv)
{
	struct sealpod_verify *v = sealpod_verify_new();
	enum sealpod_status status;

	if (!v || argc != 4) {
		fprintf(stderr, "usage: verify EVIDENCE COLLATERAL NONCE-HEX\n");
		sealpod_verify_free(v);
		return SEALPOD_ERROR;
	}
	status = sealpod_verify_file(v, "evidence", argv[1]);
	if (status == SEALPOD_VERIFIED)
		status = sealpod_verify_file(v, "collateral", argv[2]);
	if (status == SEALPOD_VERIFIED)
		status = sealpod_verify_set(v, "nonce", argv[3]);
	if (status == SEALPOD_VERIFIED)
		status = sealpod_verify_run(v);

	for (size_t i = 0; i < sealpod_verify_checks(v); i++) {
		struct sealpod_check c;

		if (!sealpod_verify_check(v, i, &c) || c.verdict != SEALPOD_CHECK_FAILED)
			continue;
		printf("%s: expected %s, is %s (%s)\n", c.what, c.expected, c.actual, c.code);
		if (c.hint[0])
			printf("  %s\n", c.hint);
	}
	printf("%s\n", status == SEALPOD_VERIFIED ? "verified" : sealpod_verify_error(v));
	sealpod_verify_free(v);
	return (int)status;
}
