/* The keys of Kata's configuration.toml and what became of them. (Kata Containers 4.1, Go and Rust
 * runtime) */
#include "config_parts.h"

#define TAKEN(key, as, to)                                                                         \
	{                                                                                          \
		.name = (key), .kind = (as), .member = (to)                                        \
	}
#define SAME(key)                                                                                  \
	{                                                                                          \
		.name = (key), .kind = IMPORT_SAME                                                 \
	}
#define NONE(key, reason)                                                                          \
	{                                                                                          \
		.name = (key), .kind = IMPORT_NONE, .why = (reason)                                \
	}

static const char guest[] = "the guest is Sealpod's own; 'kernel' and 'initrd' name another one";
static const char measured[] = "part of the measurement, so it is the same on every host";
static const char fixed[] = "sizes are fixed at launch, because they are measured";
static const char by_annotation[] =
	"a file that an annotation names must be beside the configured one";
static const char by_path[] = "QEMU is the one of the host's packages";
static const char devices[] = "no devices of the host are passed to the guest";
static const char traced[] = "stages are in 'sealpod pod timeline' and 'sealpod metrics'";
static const char watched[] = "'timeout_s' without any progress ends a start, however long it is";
static const char debugging[] = "no login to the guest; 'sealpod pod exec' asks the manifest";
static const char files[] = "virtiofsd's options are fixed";
static const char templates[] = "each pod has a machine that booted for it";

static const struct import_key keys[] = {
	TAKEN("default_vcpus", IMPORT_WHOLE, "vcpus"),
	TAKEN("default_memory", IMPORT_MEMBER, "memory_mib"),
	TAKEN("overhead_vcpus", IMPORT_MEMBER, "overhead_vcpus"),
	TAKEN("overhead_memory", IMPORT_MEMBER, "overhead_memory_mib"),
	TAKEN("firmware", IMPORT_MEMBER, "firmware"),
	TAKEN("firmware_volume", IMPORT_MEMBER, "firmware_vars"),
	TAKEN("kernel_params", IMPORT_PARAMETERS, "kernel_params"),
	TAKEN("shared_fs", IMPORT_SHARED_FS, "shared_fs"),
	TAKEN("virtio_fs_daemon", IMPORT_MEMBER, "virtiofsd"),
	TAKEN("emptydir_mode", IMPORT_EMPTY_DIR, "empty_dir"),
	TAKEN("enable_hugepages", IMPORT_MEMBER, "hugepages"),
	TAKEN("enable_vcpus_pinning", IMPORT_MEMBER, "pin_vcpus"),
	TAKEN("rx_rate_limiter_max_rate", IMPORT_BITS, "rx_bytes_per_s"),
	TAKEN("tx_rate_limiter_max_rate", IMPORT_BITS, "tx_bytes_per_s"),
	TAKEN("disk_rate_limiter_bw_max_rate", IMPORT_BITS, "disk_bytes_per_s"),
	TAKEN("disk_rate_limiter_ops_max_rate", IMPORT_MEMBER, "disk_ops_per_s"),
	TAKEN("network_queues", IMPORT_MEMBER, "network_queues"),
	TAKEN("snp_guest_policy", IMPORT_MEMBER, "policy"),
	TAKEN("snp_id_block", IMPORT_MEMBER, "id_block"),
	TAKEN("snp_id_auth", IMPORT_MEMBER, "id_auth"),
	TAKEN("tdx_quote_generation_service_socket_port", IMPORT_QUOTE_PORT, "quote_socket"),
	TAKEN("enable_annotations", IMPORT_ANNOTATIONS, "annotations"),
	TAKEN("internetworking_model", IMPORT_MEMBER, "network"),
	TAKEN("sandbox_cgroup_only", IMPORT_MEMBER, "sandbox_cgroup_only"),
	TAKEN("create_container_timeout", IMPORT_MEMBER, "timeout_s"),

	SAME("confidential_guest"),
	SAME("sev_snp_guest"),
	SAME("static_sandbox_resource_mgmt"),
	SAME("seccomp_sandbox"),
	SAME("seccompsandbox"),
	SAME("disable_image_nvdimm"),
	SAME("experimental_force_guest_pull"),
	SAME("name"),
	SAME("hypervisor_name"),
	SAME("agent_name"),

	NONE("path", by_path),
	NONE("valid_hypervisor_paths", by_path),
	NONE("jailer_path", by_path),
	NONE("kernel", guest),
	NONE("image", guest),
	NONE("initrd", guest),
	NONE("rootfs_type", guest),
	NONE("vm_rootfs_driver", guest),
	NONE("kernel_verity_params", guest),
	NONE("guest_extension_images", guest),
	NONE("valid_kernel_paths", by_annotation),
	NONE("valid_initrd_paths", by_annotation),
	NONE("valid_image_paths", by_annotation),
	NONE("valid_firmware_paths", by_annotation),
	NONE("machine_type", measured),
	NONE("machine_accelerators", measured),
	NONE("cpu_features", measured),
	NONE("default_maxvcpus", fixed),
	NONE("default_maxmemory", fixed),
	NONE("memory_slots", fixed),
	NONE("memory_offset", fixed),
	NONE("enable_virtio_mem", fixed),
	NONE("enable_mem_prealloc", fixed),
	NONE("enable_iommu", devices),
	NONE("enable_iommu_platform", devices),
	NONE("hotplug_vfio_on_root_bus", devices),
	NONE("cold_plug_vfio", devices),
	NONE("hot_plug_vfio", devices),
	NONE("pcie_root_port", devices),
	NONE("pcie_switch_port", devices),
	NONE("vfio_mode", devices),
	NONE("enable_vhost_user_store", devices),
	NONE("vhost_user_store_path", devices),
	NONE("block_device_driver", "disks are virtio-blk or virtio-scsi, as each needs"),
	NONE("block_device_aio", "QEMU's default"),
	NONE("virtio_fs_cache", files),
	NONE("virtio_fs_cache_size", files),
	NONE("virtio_fs_queue_size", files),
	NONE("virtio_fs_extra_args", files),
	NONE("valid_virtio_fs_daemon_paths", by_annotation),
	NONE("rootless", "'qemu_user' of [runtime] is who QEMU runs as"),
	NONE("guest_hook_path", "nothing in the guest but what its image and manifest name runs"),
	NONE("disable_guest_seccomp", "profiles of containers are always applied"),
	NONE("disable_guest_selinux", "the guest has no SELinux policy"),
	NONE("guest_selinux_label", "the guest has no SELinux policy"),
	NONE("enable_debug", "'debug = true' is another measurement: set it if that is meant"),
	NONE("debug_console_enabled", debugging),
	NONE("debug_console_vport", debugging),
	NONE("enable_debug_console", debugging),
	NONE("kernel_modules", "the guest's modules are signed with its image"),
	NONE("container_pipe_size", "the kernel's default"),
	NONE("dial_timeout", watched),
	NONE("dial_timeout_ms", watched),
	NONE("reconnect_timeout_ms", watched),
	NONE("launch_process_timeout", watched),
	NONE("cdh_api_timeout", watched),
	NONE("cdh_api_timeout_ms", watched),
	NONE("enable_tracing", traced),
	NONE("jaeger_endpoint", traced),
	NONE("jaeger_user", traced),
	NONE("jaeger_password", traced),
	NONE("enable_pprof", traced),
	NONE("enable_template", templates),
	NONE("template_path", templates),
	NONE("vm_cache_number", templates),
	NONE("vm_cache_endpoint", templates),
	NONE("disable_new_netns", "a pod without a network namespace has no network"),
	NONE("dan_conf", "interfaces are found in the pod's network namespace"),
	NONE("pod_resource_api_sock", devices),
	NONE("sandbox_bind_mounts", "the host decides nothing about the guest's files"),
	NONE("experimental", "nothing experimental"),
};

const struct import_key *config_import_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (str_equal(keys[i].name, name))
			return &keys[i];
	}
	return NULL;
}
