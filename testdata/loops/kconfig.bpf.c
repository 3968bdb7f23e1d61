/* SPDX-License-Identifier: MIT */
/* Asks after its kernel: version, what it can do, options of every type, and one it does not have. */
#include "loopstep.bpf.h"

enum libbpf_tristate { TRI_NO, TRI_YES, TRI_MODULE };

extern const int LINUX_KERNEL_VERSION __kconfig;
extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;
extern const int CONFIG_HZ __kconfig __weak;
extern const _Bool CONFIG_IO_URING_BPF_OPS __kconfig __weak;
extern const enum libbpf_tristate CONFIG_BLOCK __kconfig __weak;
extern const char CONFIG_NET __kconfig __weak;
extern const char CONFIG_DEFAULT_HOSTNAME[4] __kconfig __weak;
extern const unsigned long CONFIG_NO_SUCH_OPTION __kconfig __weak;

char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u64 out[8];

LOOP_STEP(kconfig)
{
	out[0] = LINUX_KERNEL_VERSION;
	out[1] = LINUX_HAS_BPF_COOKIE;
	out[2] = CONFIG_HZ;
	out[3] = CONFIG_IO_URING_BPF_OPS;
	out[4] = CONFIG_BLOCK;
	out[5] = CONFIG_NET;
	out[6] = CONFIG_DEFAULT_HOSTNAME[1];
	out[7] = CONFIG_NO_SUCH_OPTION;
	return LINUX_KERNEL_VERSION >= 0x70100 ? IOU_LOOP_STOP : -1;
}
LOOP_OPS(kconfig);
