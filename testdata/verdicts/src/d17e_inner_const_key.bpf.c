/* SPDX-License-Identifier: MIT */
/* expect: ?
 * constant key in an inner map
 */
#include "loop.h"

struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } in1 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, __u32); __array(values, struct inner); } om SEC(".maps") = { .values = { &in1 } };
NAKED_STEP { asm volatile ("*(u64 *)(r10 - 8) = 0; r1 = %[om] ll; r2 = r10; r2 += -8; call 1; if r0 != 0 goto +2; r0 = 1; exit; r1 = r0; r2 = r10; r2 += -8; *(u32 *)(r10 - 8) = 1; call 1; r1 = *(u64 *)(r0 + 0); r0 = 1; exit;" :: [om]"i"(&om) : CLOBBER); }

OPS
