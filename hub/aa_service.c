/* attestation_agent.AttestationAgentService (spec: guest-components 1.1). */
#include "hub.h"

#include <attestation_agent.pb-c.h>

#define SERVICE "attestation_agent.AttestationAgentService"

enum {
	CONTENT_MAX = 4096
};

static RESULT evidence(struct hub *h, struct bytes payload, struct buf *json)
{
	AUTO(pb_free_any) AttestationAgent__GetEvidenceRequest *in = NULL;

	TRY(PB_UNPACK(attestation_agent__get_evidence_request, payload, &in));
	return hub_evidence(h, bytes_of(in->runtimedata.data, in->runtimedata.len), json);
}

static void get_evidence(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(buf_done) struct buf json = BUF_INIT(HUB_ANSWER_MAX);
	AttestationAgent__GetEvidenceResponse out = ATTESTATION_AGENT__GET_EVIDENCE_RESPONSE__INIT;
	struct err e = evidence(arg, payload, &json);

	if (failed(e)) {
		ttrpc_fail(
			call, err_add(e, "[ERROR:attestation-agent] AA-KBC get evidence failed"));
		return;
	}
	out.evidence = (ProtobufCBinaryData){ .data = json.p, .len = json.n };
	hub_answer(call, &out.base);
}

/* There are no further devices: an empty answer, as guest-components give it. */
static void get_additional_evidence(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AttestationAgent__GetEvidenceResponse out = ATTESTATION_AGENT__GET_EVIDENCE_RESPONSE__INIT;

	(void)arg;
	(void)payload;
	hub_answer(call, &out.base);
}

static RESULT token(struct hub *h, struct bytes payload, struct buf *json)
{
	AUTO(pb_free_any) AttestationAgent__GetTokenRequest *in = NULL;

	TRY(PB_UNPACK(attestation_agent__get_token_request, payload, &in));
	if (!str_equal(in->tokentype, "kbs"))
		return err_new(ERR_UNSUPPORTED, "token type '%.32s'", in->tokentype);
	return hub_token(h, json);
}

static void get_token(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(buf_done) struct buf json = BUF_INIT(HUB_ANSWER_MAX);
	AttestationAgent__GetTokenResponse out = ATTESTATION_AGENT__GET_TOKEN_RESPONSE__INIT;
	struct err e = token(arg, payload, &json);

	if (failed(e)) {
		ttrpc_fail(call, err_add(e, "[ERROR:attestation-agent] AA-KBC get token failed"));
		return;
	}
	out.token = (ProtobufCBinaryData){ .data = json.p, .len = json.n };
	hub_answer(call, &out.base);
	bytes_wipe(json.p, json.n);
}

/* The event log for runtime events is off: guest-components' answer for that. */
static void extend(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AttestationAgent__ExtendRuntimeMeasurementResponse out =
		ATTESTATION_AGENT__EXTEND_RUNTIME_MEASUREMENT_RESPONSE__INIT;

	(void)arg;
	(void)payload;
	out.result = ATTESTATION_AGENT__RUNTIME_MEASUREMENT_RESULT__NOT_ENABLED;
	hub_answer(call, &out.base);
}

static void get_tee_type(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AttestationAgent__GetTeeTypeResponse out = ATTESTATION_AGENT__GET_TEE_TYPE_RESPONSE__INIT;
	AUTO(auto_free) char *name = NULL;
	struct err e = str_dup(hub_tee_name(arg), &name);

	(void)payload;
	if (failed(e)) {
		ttrpc_fail(call, e);
		return;
	}
	out.tee = name;
	hub_answer(call, &out.base);
}

static void get_additional_tees(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AttestationAgent__GetAdditionalTeesResponse out =
		ATTESTATION_AGENT__GET_ADDITIONAL_TEES_RESPONSE__INIT;

	(void)arg;
	(void)payload;
	hub_answer(call, &out.base);
}

const struct ttrpc_method aa_methods[] = {
	{ SERVICE, "GetEvidence", get_evidence },
	{ SERVICE, "GetAdditionalEvidence", get_additional_evidence },
	{ SERVICE, "GetToken", get_token },
	{ SERVICE, "ExtendRuntimeMeasurement", extend },
	{ SERVICE, "GetTeeType", get_tee_type },
	{ SERVICE, "GetAdditionalTees", get_additional_tees },
};
const size_t aa_methods_n = ARRAY_LEN(aa_methods);
