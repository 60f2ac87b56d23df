set(FILES cca_claims.c cca_describe.c cca_token.c cca_verify.c)
