// Shared by the compute programs: each is one function over a piece of memory, and compiles as BPF, native code and
// WebAssembly. The memory is 64 KiB, 8-byte aligned; what a run leaves in it does not change what the next one returns.
#ifndef COMPUTE_H
#define COMPUTE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __bpf__
#define ENTRY __attribute__((section("syscall"), used))
#else
#define ENTRY __attribute__((used, visibility("default")))
#endif

ENTRY u64 run(u8 *mem, u32 size);

#endif
