/* First byte: which message; the rest is its wire form. What parses must survive a round trip. */
#include <agent.pb-c.h>
#include <attestation_agent.pb-c.h>
#include <confidential_data_hub.pb-c.h>
#include <ttrpc.pb-c.h>

#include <net/pb.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const messages[] = {
	&agent__create_container_request__descriptor,
	&agent__create_sandbox_request__descriptor,
	&agent__exec_process_request__descriptor,
	&agent__copy_file_request__descriptor,
	&agent__stats_container_response__descriptor,
	&agent__update_interface_request__descriptor,
	&agent__update_routes_request__descriptor,
	&agent__mem_hotplug_by_probe_request__descriptor,
	&memagent__mem_agent_compact_config__descriptor,
	&attestation_agent__extend_runtime_measurement_request__descriptor,
	&cdh__secure_mount_request__descriptor,
	&ttrpc__request__descriptor,
	&ttrpc__response__descriptor,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(pb_freep) ProtobufCMessage *msg = NULL, *again = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(2 * PB_SIZE_MAX);

	if (size < 1)
		return 0;
	const ProtobufCMessageDescriptor *d = messages[data[0] % ARRAY_LEN(messages)];

	if (failed(pb_unpack(d, bytes_of(data + 1, size - 1), &msg)))
		return 0;
	if (failed(pb_pack(msg, &out)) || failed(pb_unpack(d, buf_bytes(&out), &again)))
		abort();
	return 0;
}
