/*
 * Software TPMs: one swtpm per pod with an EK certificate of this machine's own authority. It is a
 * root of trust in software: brokers know it under a separate list, and claims say `simulated`.
 */
#pragma once

#include <base/process.h>

#define TPM_CA_CERT "issuercert.pem"

/* Creates the authority below `dir` unless it is there: key, certificate, settings of swtpm_setup
 * and swtpm_localca. Safe against other processes doing the same. */
RESULT tpm_ca_prepare(const char *dir);
/* The certificates that verify EK certificates, PEM; root first. */
RESULT tpm_ca_certificates(const char *dir, struct buf *pem);

/* Makes TPM state with EK and EK certificate below `state_dir`; about 0.7 s. */
RESULT tpm_manufacture(const char *ca_dir, const char *state_dir, const char *log_file);
struct tpm_start {
	const char *state_dir; /* becomes the user's, with what is in it */
	int log_fd;
	const struct process_user *user; /* NULL: this process's */
	int keep_fd;			 /* stays open as long as it runs; -1: none */
};
/* swtpm on the state, without capabilities; ret_fd is the control channel, to be handed to QEMU. */
RESULT tpm_start(const struct tpm_start *t, struct process *ret_tpm, int *ret_fd);
