// An arena: memory that a program shares with this process. The kernel wants it mapped before it loads a program that uses it
// (kernel/bpf/arena.c at v7.2), and its globals are written then, as libbpf does.

import { EINVAL } from "../../base/index.ts";
import { BPF_MAP_TYPE_ARENA, type MapSpec } from "../../bpf/object/index.ts";
import { check, mmap, munmap, sysError, type Sys } from "../../sys/index.ts";
import { MMAP } from "../../uring/abi/index.ts";

const BPF_F_SEGV_ON_FAULT = 1 << 17;

export const isArena = (spec: Pick<MapSpec, "type">): boolean => spec.type === BPF_MAP_TYPE_ARENA;

/** Maps the arena `fd` and writes its globals; what is returned unmaps it. Throws SysError. */
export function mapArena(sys: Sys, spec: MapSpec, fd: number): () => void {
  const where = `map ${spec.name}`;
  const { arena_data, map_extra, map_flags } = spec;
  if (arena_data !== undefined && map_flags & BPF_F_SEGV_ON_FAULT) {
    throw sysError("mmap", -EINVAL, {
      message: "an arena with BPF_F_SEGV_ON_FAULT cannot have globals: nothing has allocated their pages yet",
      where,
      remedy: "Leave the flag out, or allocate what the program needs with bpf_arena_alloc_pages()",
    });
  }
  const size = spec.max_entries * sys.pageSize;
  const fixed = map_extra === undefined || map_extra === 0n ? 0 : MMAP.MAP_FIXED_NOREPLACE;
  const prot = MMAP.PROT_READ | MMAP.PROT_WRITE;
  const address = mmap(sys, Number(map_extra ?? 0n), size, prot, MMAP.MAP_SHARED | fixed, fd, 0);
  check(address, "mmap", { where });
  if (arena_data !== undefined) sys.viewAt(address + arena_data.offset, arena_data.bytes.length).set(arena_data.bytes);
  return () => munmap(sys, address, size);
}
