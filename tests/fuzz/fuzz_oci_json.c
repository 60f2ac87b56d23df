#include <stddef.h>
#include <stdint.h>

#include <net/pb.h>
#include <runtime/oci_json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(pb_free_any) Oci__Spec *spec = NULL;
	AUTO(pb_free_any) Oci__Process *process = NULL;
	AUTO(pb_free_any) Oci__LinuxResources *resources = NULL;
	const char *id = NULL;

	if (!failed(oci_json_spec(bytes_of(data, size), &spec)))
		(void)oci_role(spec, &id);
	err_ignore(oci_json_process(bytes_of(data, size), &process));
	err_ignore(oci_json_resources(bytes_of(data, size), &resources));
	return 0;
}
