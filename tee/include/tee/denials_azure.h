/* Codes of refusals: confidential guests of Azure. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_AZURE(X)                                                                       \
	X(DENY_AZURE_BINDING, "azure.binding")                                                     \
	X(DENY_AZURE_TDREPORT, "azure.tdreport")
