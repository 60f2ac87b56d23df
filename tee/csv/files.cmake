set(FILES csv_cert.c csv_claims.c csv_describe.c csv_evidence.c csv_report.c csv_root.c csv_verify.c)
