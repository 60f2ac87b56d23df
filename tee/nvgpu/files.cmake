set(FILES nvgpu_claims.c nvgpu_describe.c nvgpu_evidence.c nvgpu_opaque.c nvgpu_root.c nvgpu_verify.c spdm.c)
