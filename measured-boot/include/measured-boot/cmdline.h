/*
 * The kernel command lines that are shipped, that is measured into the reference values. The
 * runtime passes one of them to QEMU unchanged; another text means another PCR 9.
 */
#pragma once

/*
 * panic=-1 and oops=panic end a broken guest at once (QEMU runs with -no-reboot); only modules
 * signed with the kernel's key load; debugfs stays closed. no_timer_check: the kernel panics unless
 * five ticks arrive within 40 ms, which a machine that gets no processor for a moment misses; under
 * KVM it leaves the check out by itself. The rest saves time: no self-tests of ciphers, no waiting
 * for a keyboard controller that q35 emulates slowly, no probing for interrupts of the emulated
 * TPM, and no grace period of 12 ms whenever a process enters a container's cgroup.
 */
#define LINUX_CMDLINE_COMMON                                                                       \
	"console=hvc0 panic=-1 oops=panic module.sig_enforce=1 debugfs=off vsyscall=none "         \
	"no_timer_check cryptomgr.notests i8042.nokbd i8042.noaux tpm_tis.interrupts=0 "           \
	"rcupdate.rcu_expedited=1"

/* What runs when nothing else is asked for. */
#define LINUX_CMDLINE_DEFAULT LINUX_CMDLINE_COMMON " quiet"

/* For people: kernel messages on hvc0. Its own reference value, so a broker may refuse it. */
#define LINUX_CMDLINE_DEBUG LINUX_CMDLINE_COMMON " ignore_loglevel"

/* The same for a guest on s390x, whose console is SCLP's terminal. */
#define LINUX_CMDLINE_S390X_COMMON                                                                 \
	"console=ttysclp0 panic=-1 oops=panic module.sig_enforce=1 debugfs=off cryptomgr.notests"
#define LINUX_CMDLINE_S390X_DEFAULT LINUX_CMDLINE_S390X_COMMON " quiet"
#define LINUX_CMDLINE_S390X_DEBUG   LINUX_CMDLINE_S390X_COMMON " ignore_loglevel"

/*
 * A guest without any TEE whose agent asks no pod manifest: containers as the host wants them, for
 * platform none only. The agent obeys it only when it finds no TEE, and as it is not among the
 * shipped command lines below no reference value has it: no broker gives such a guest anything.
 */
#define LINUX_CMDLINE_OPEN_WORD "sealpod.manifest=none"
#define LINUX_CMDLINE_OPEN	LINUX_CMDLINE_DEFAULT " " LINUX_CMDLINE_OPEN_WORD

/* X(NAME, TEXT) of every shipped command line. */
#define LINUX_CMDLINES(X)                                                                          \
	X("default", LINUX_CMDLINE_DEFAULT)                                                        \
	X("debug", LINUX_CMDLINE_DEBUG)
