/* Codes of refusals: NVIDIA GPUs. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_NVGPU(X) X(DENY_NVGPU_SIGNATURE, "nvgpu.signature")
