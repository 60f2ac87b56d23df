set(FILES azure_evidence.c azure_verify.c hcl.c hcl_describe.c roots.c)
