set(FILES
	roots.c
	snp_certificates.c
	snp_claims.c
	snp_evidence.c
	snp_report.c
	snp_verify.c
)
