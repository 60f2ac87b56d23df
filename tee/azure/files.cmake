set(FILES azure_evidence.c azure_verify.c hcl.c roots.c)
