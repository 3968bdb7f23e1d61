/* SPDX-License-Identifier: MIT */
/* expect: reject
 * what the kernel's version makes happen is checked
 */
#include "loop.h"

extern int LINUX_KERNEL_VERSION __kconfig;

STEP
{
	__u8 *mem = GET(IOU_REGION_MEM, 16);

	if (!mem)
		return 1;
	if (LINUX_KERNEL_VERSION >= 0x70100)
		out[1] = *(__u32 *)(mem + 64);
	return 1;
}

OPS
