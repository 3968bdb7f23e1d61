/* SPDX-License-Identifier: MIT */
/* expect: accept
 * what the kernel's version rules out is dead
 */
#include "loop.h"

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_NO_SUCH_OPTION __kconfig __weak;

STEP
{
	__u8 *mem = GET(IOU_REGION_MEM, 16);

	if (!mem)
		return 1;
	out[0] = LINUX_KERNEL_VERSION >= 0x70100;
	if (LINUX_KERNEL_VERSION < 0x70100)
		out[1] = *(__u32 *)(mem + 64);
	if (CONFIG_NO_SUCH_OPTION)
		out[2] = *(__u32 *)(mem + 64);
	return 1;
}

OPS
