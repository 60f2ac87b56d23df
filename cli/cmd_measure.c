/* sealpod measure: what a launch will be measured as, computed from what is launched. */
#include "commands.h"
#include "measure.h"

#include <measured-boot/machine.h>
#include <runtime/vm.h>

#define ROW(text, member, k, ...)                                                                  \
	{                                                                                          \
		.name = (text), .kind = (k), .offset = offsetof(struct measure_options, member),   \
		__VA_ARGS__                                                                        \
	}
#define FILE_ROW(text, member, what) ROW(text, member, CLI_STRING, .value = "FILE", .help = (what))
#define NUMBER_ROW(text, member, limit, what)                                                      \
	ROW(text, member, CLI_U64, .value = "N", .max = (limit), .help = (what))

#define FIRMWARE                                                                                   \
	ROW("firmware", firmware, CLI_STRING, .value = "FILE", .required = true,                   \
		.help = "firmware image, as the VMM loads it")
#define KERNEL	 FILE_ROW("kernel", kernel, "kernel whose digests are launched along")
#define INITRD	 FILE_ROW("initrd", initrd, "its initrd")
#define APPEND	 ROW("append", append, CLI_STRING, .value = "TEXT", .help = "its command line")
#define INITDATA FILE_ROW("initdata", initdata, "initdata: also print the register that holds it")
#define POD                                                                                        \
	FILE_ROW("pod", pod, "Kubernetes pod (YAML): its processors, memory and initdata"),        \
		FILE_ROW("config", config, "sizes of pods as this configuration has them"),        \
		ROW("handler", handler, CLI_STRING, .value = "NAME",                               \
			.help = "its handler (the built-in one of the platform)")
#define EXPLAIN                                                                                    \
	ROW("explain", explain, CLI_FLAG,                                                          \
		.help = "print every input and every step of the measurement")
#define CPU                                                                                        \
	NUMBER_ROW("vcpus", vcpus, LAUNCH_VCPUS_MAX, "number of processors (1)"),                  \
		ROW("cpu-model", cpu_model, CLI_STRING, .value = "NAME",                           \
			.help = "QEMU's name of the processor (EPYC-v4)"),                         \
		ROW("cpu-signature", cpu_signature, CLI_STRING, .value = "N",                      \
			.help = "the processor by EAX of its CPUID leaf 1"),                       \
		ROW("vmm", vmm, CLI_CHOICE, .choices = "qemu|ec2|ec2-rdx-0|gce",                   \
			.help = "who starts the guest (qemu)")

static const struct cli_option snp_table[] = {
	FIRMWARE,
	KERNEL,
	INITRD,
	APPEND,
	CPU,
	ROW("guest-features", guest_features, CLI_STRING, .value = "N",
		.help = "SEV_FEATURES of the guest (0x1)"),
	ROW("firmware-digest", firmware_digest, CLI_STRING, .value = "HEX",
		.help = "launch digest after the firmware's pages, of which FILE is the end"),
	ROW("match", match, CLI_STRING, .value = "HEX",
		.help = "which model, features and number of processors have this digest"),
	FILE_ROW("svsm", svsm, "SVSM image below the firmware"),
	NUMBER_ROW("vars-size", vars_size, UINT32_MAX, "bytes between SVSM and firmware (0)"),
	INITDATA,
	POD,
	EXPLAIN,
	{ 0 },
};

#define INITDATA_BOUND                                                                             \
	FILE_ROW("initdata", initdata, "initdata, bound by the end of the command line")

static const struct cli_option sev_es_table[] = { FIRMWARE, KERNEL, INITRD, APPEND, CPU,
	INITDATA_BOUND, POD, EXPLAIN, { 0 } };

static const struct cli_option sev_table[] = { FIRMWARE, KERNEL, INITRD, APPEND, INITDATA_BOUND,
	POD, EXPLAIN, { 0 } };

static const struct cli_option tdx_table[] = {
	FIRMWARE,
	FILE_ROW("kernel", kernel, "kernel that QEMU loads: also print RTMR 0 to 3"),
	INITRD,
	APPEND,
	NUMBER_ROW("memory", memory, VM_MEMORY_MIB_MAX, "MiB of memory (2048); RTMR 0"),
	ROW("machine", machine, CLI_CHOICE, .choices = "sealpod|q35",
		.help = "sealpod: 256 MiB below 4 GiB; q35: its own split (sealpod)"),
	ROW("kernel-header", kernel_header, CLI_CHOICE, .choices = "as-is|patched",
		.help = "patched: by QEMU before 10.2 (as-is)"),
	ROW("acpi", acpi, CLI_STRING, .value = "DIR",
		.help = "table-loader, rsdp and tables, as QEMU made them; RTMR 0"),
	FILE_ROW("event-log", event_log, "CCEL of a boot: its events where nothing else is given"),
	ROW("order", order, CLI_CHOICE, .choices = "single-pass|two-pass",
		.help = "how the VMM orders pages (single-pass)"),
	INITDATA,
	POD,
	EXPLAIN,
	{ 0 },
};

static const struct cli_option vtpm_table[] = {
	FILE_ROW("firmware", firmware, "OVMF_CODE image (this host's)"),
	ROW("firmware-version", firmware_version, CLI_STRING, .value = "TEXT",
		.help = "version built into the firmware (none, as in Debian 12)"),
	FILE_ROW("kernel", kernel, "kernel (the shipped guest's)"),
	FILE_ROW("initrd", initrd, "initrd (the shipped guest's)"),
	ROW("append", append, CLI_STRING, .value = "TEXT",
		.help = "kernel command line (the shipped one)"),
	ROW("debug", debug, CLI_FLAG, .help = "the shipped command line that shows messages"),
	NUMBER_ROW("vcpus", vcpus, MACHINE_CPUS_MAX, "number of processors (1)"),
	NUMBER_ROW("memory", memory, VM_MEMORY_MIB_MAX, "MiB of memory (2048): any gives the same"),
	ROW("bank", bank, CLI_CHOICE, .choices = "sha1|sha256|sha384|sha512",
		.help = "bank of the TPM (sha256)"),
	INITDATA,
	POD,
	EXPLAIN,
	{ 0 },
};

#define COMMAND(id, word, text, table, function)                                                   \
	static const struct cli_command id = {                                                     \
		.name = (word),                                                                    \
		.summary = (text),                                                                 \
		.options = (table),                                                                \
		.options_size = sizeof(struct measure_options),                                    \
		.run = (function),                                                                 \
	}
COMMAND(cmd_snp, "snp", "launch measurement of an SEV-SNP guest", snp_table, measure_snp_run);
COMMAND(cmd_sev_es, "sev-es", "launch digest of an SEV-ES guest", sev_es_table, measure_sev_es_run);
COMMAND(cmd_sev, "sev", "launch digest of an SEV guest", sev_table, measure_sev_run);
COMMAND(cmd_tdx, "tdx", "MRTD of a TDX guest", tdx_table, measure_tdx_run);
COMMAND(cmd_vtpm, "vtpm", "PCRs of a guest of platform vtpm", vtpm_table, measure_vtpm_run);

static const struct cli_option se_table[] = { EXPLAIN, { 0 } };
static const struct cli_command cmd_se = {
	.name = "se",
	.summary = "what attestation says of a Secure Execution image",
	.operands = "IMAGE",
	.min_operands = 1,
	.max_operands = 1,
	.options = se_table,
	.options_size = sizeof(struct measure_options),
	.run = measure_se_run,
	.notes = "IMAGE is a whole image, whose components are compared with its header, or a "
		 "header.",
};

static const struct cli_command cmd_measure_initdata = {
	.name = "initdata",
	.summary = "what initdata becomes in each platform's register",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.run = measure_initdata_run,
};

static const struct cli_command cmd_diff = {
	.name = "diff",
	.summary = "the first input and the first step in which two measurements differ",
	.operands = "A B",
	.min_operands = 2,
	.max_operands = 2,
	.run = measure_diff_run,
	.notes = "A and B are what the other commands print with --json, better also with "
		 "--explain;\none may be a manifest (reference-values.json).\n"
		 "Exit status: 0 equal, 1 different, 2 usage or input, 3 malformed.",
};

static const struct cli_command *const commands[] = { &cmd_snp, &cmd_sev_es, &cmd_sev, &cmd_tdx,
	&cmd_se, &cmd_vtpm, &cmd_measure_initdata, &cmd_measure_id_block, &cmd_diff, NULL };

const struct cli_command cmd_measure = {
	.name = "measure",
	.summary = "compute what a launch will be measured as",
	.commands = commands,
};
