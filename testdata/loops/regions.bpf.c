/* SPDX-License-Identifier: MIT */
/* Asks for regions with fixed sizes and records which it got; writes to the first and the last byte of IOU_REGION_MEM. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u32 region_id;
__u8 got_64, got_4096, got_4097, got_8192, got_8193;
__u32 seen;
LOOP_STEP(regions)
{
	__u8 *mem;

	got_64 = bpf_io_uring_get_region(ring, region_id, 64) != 0;
	got_4096 = bpf_io_uring_get_region(ring, region_id, 4096) != 0;
	got_4097 = bpf_io_uring_get_region(ring, region_id, 4097) != 0;
	got_8192 = bpf_io_uring_get_region(ring, region_id, 8192) != 0;
	got_8193 = bpf_io_uring_get_region(ring, region_id, 8193) != 0;
	mem = bpf_io_uring_get_region(ring, IOU_REGION_MEM, 4096);
	if (mem) {
		seen = *(__u32 *)mem;
		mem[0] += 1;
		mem[4095] = 0xaa;
	}
	return IOU_LOOP_STOP;
}
LOOP_OPS(regions);
