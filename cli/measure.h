/* What the commands of `sealpod measure` share: a document of values, inputs and steps. */
#pragma once

#include <base/cli.h>
#include <crypto/digest.h>
#include <measured-boot/launch.h>

enum {
	MEASURE_NAME_MAX = 32,
	MEASURE_VALUES_MAX = 128,
	MEASURE_INPUTS_MAX = 24,
	MEASURE_OPEN_MAX = 8,
	MEASURE_STEPS_MAX = 256 * 1024,
	MEASURE_INITRD_MAX = 1024 * 1024 * 1024,
	MEASURE_DOCUMENT_MAX = 64 * 1024 * 1024
};

struct measure_value {
	char name[MEASURE_NAME_MAX]; /* "measurement", "mr_td", "pcr4" */
	struct digest_value v;
};

struct measure_input {
	const char *name;	    /* of the option */
	char *text;		    /* of a file: its path */
	uint64_t size;		    /* of a file */
	struct digest_value digest; /* of a file, SHA-256; n = 0: it is a text or number */
};

/* A value that the inputs do not determine. */
struct measure_open {
	const char *name;
	char *why;
};

struct measure_step {
	struct launch_step s;	 /* what, input and type are constants */
	const char *register_of; /* "PCR", "RTMR": there are several; NULL: there is one */
	uint32_t pcr;		 /* the one that is extended */
};

struct measure_doc {
	const char *platform;
	struct measure_value values[MEASURE_VALUES_MAX];
	size_t n_values;
	struct measure_input inputs[MEASURE_INPUTS_MAX];
	size_t n_inputs;
	struct measure_open open[MEASURE_OPEN_MAX];
	size_t n_open;
	bool explain; /* steps are kept and printed */
	struct measure_step *steps;
	size_t n_steps, room;
};
void measure_doc_done(struct measure_doc *d);
RESULT measure_add_value(struct measure_doc *d, const char *name, const struct digest_value *v);
RESULT measure_add_open(struct measure_doc *d, const char *name, const char *why);
RESULT measure_add_text(struct measure_doc *d, const char *name, const char *text);
RESULT measure_add_number(struct measure_doc *d, const char *name, uint64_t v);
RESULT measure_add_file(
	struct measure_doc *d, const char *name, const char *path, struct bytes contents);
RESULT measure_add_step(struct measure_doc *d, const struct measure_step *s);
/* An event that a register is extended with. `what` and `input` outlive the document. */
struct measure_event {
	const char *register_of, *what, *input;
	uint32_t number, type; /* of the register; enum event_type or EV_EFI_... */
	const struct digest_value *digest, *after;
};
RESULT measure_add_event(struct measure_doc *d, const struct measure_event *e);
/* For struct launch_log; arg is the document. */
RESULT measure_launch_step(void *arg, const struct launch_step *s);

/* To standard output: names and values, then inputs and steps (pages in ranges) if explained; or
 * one JSON object with every page. */
RESULT measure_print(const struct measure_doc *d, bool json);

/* What goes in, from options or defaults. */
struct measure_files {
	struct buf firmware, kernel, initrd, svsm;
	struct buf event_log, acpi_loader, acpi_rsdp, acpi_tables;
};
void measure_files_done(struct measure_files *f);

struct measure_options {
	const char *firmware, *firmware_version, *kernel, *initrd, *append, *initdata;
	const char *vmm, *cpu_model, *cpu_signature, *guest_features, *svsm, *order, *bank;
	const char *firmware_digest, *machine, *kernel_header, *event_log, *acpi, *match;
	const char *pod, *config, *handler;
	const char *initdata_text; /* of a pod's annotation, unless there is a file */
	uint64_t vcpus, memory, vars_size;
	bool explain, debug;
};

/* A pod's manifest, whose text options borrow. */
struct measure_pod {
	struct json *documents;
};
void measure_pod_done(struct measure_pod *p);
/* --pod: number of processors, memory and initdata where no option of their own is given. */
RESULT measure_pod_apply(struct measure_doc *d, struct measure_options *o, struct measure_pod *p);

/* An option's number, decimal or 0x; ERR_USAGE. */
RESULT measure_parse_number(const char *option, const char *text, uint64_t max, uint64_t *ret_v);
/* Reads `path` into `to` and notes it as an input; NULL: nothing. */
RESULT measure_read(
	struct measure_doc *d, const char *name, const char *path, uint64_t max, struct buf *to);
/* Adds the digest of --initdata as a register of `size` bytes holds it; nothing without it. */
RESULT measure_bind_initdata(
	struct measure_doc *d, const struct measure_options *o, const char *name, size_t size);
/* The digest of the document in a file of any form. */
RESULT measure_initdata_digest(
	struct measure_doc *d, const char *path, struct digest_value *ret_digest);
/* That of --initdata, else of the pod; n = 0: there is none. */
RESULT measure_options_initdata(
	struct measure_doc *d, const struct measure_options *o, struct digest_value *ret_digest);

RESULT measure_snp_run(const void *options, const struct cli_args *args, int *ret_exit);
RESULT measure_sev_es_run(const void *options, const struct cli_args *args, int *ret_exit);
RESULT measure_sev_run(const void *options, const struct cli_args *args, int *ret_exit);
RESULT measure_tdx_run(const void *options, const struct cli_args *args, int *ret_exit);
RESULT measure_se_run(const void *options, const struct cli_args *args, int *ret_exit);
RESULT measure_vtpm_run(const void *options, const struct cli_args *args, int *ret_exit);
RESULT measure_initdata_run(const void *options, const struct cli_args *args, int *ret_exit);
RESULT measure_diff_run(const void *options, const struct cli_args *args, int *ret_exit);

extern const struct cli_command cmd_measure_id_block;
