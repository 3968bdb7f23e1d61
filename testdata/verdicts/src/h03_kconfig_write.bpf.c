/* SPDX-License-Identifier: MIT */
/* expect: reject
 * the kernel's configuration cannot be written
 */
#include "loop.h"

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig;
extern char CONFIG_NO_SUCH_TEXT[6] __kconfig __weak;

STEP
{
	out[0] = LINUX_HAS_BPF_COOKIE;
	out[1] = CONFIG_NO_SUCH_TEXT[out[2] & 3];
	*(volatile int *)&LINUX_KERNEL_VERSION = 1;
	return 1;
}

OPS
