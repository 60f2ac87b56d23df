/* Codes of refusals: NVIDIA GPUs. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_NVGPU(X)                                                                       \
	X(DENY_NVGPU_SIGNATURE, "nvgpu.signature")                                                 \
	X(DENY_NVGPU_CHAIN, "nvgpu.chain")                                                         \
	X(DENY_NVGPU_FWID, "nvgpu.fwid")                                                           \
	X(DENY_NVGPU_VERSIONS, "nvgpu.versions")
