// What helpers return: the register r0 after a call.

import { sizeOf } from "./check-btf.ts";
import { mapPointer } from "./callbacks.ts";
import { Range, UNKNOWN } from "./bounds.ts";
import { cnum32FromS, cnum32FromU, cnum64FromS, cnum64FromU } from "./cnum.ts";
import { EINVAL, type Env } from "./env.ts";
import { ID, type CallMeta } from "./helper-call.ts";
import { helperNumber } from "./helpers-proto.ts";
import { lookupCannotFail } from "./maps.ts";
import { sync } from "./range-sync.ts";
import { hasField } from "./record.ts";
import { acquireReference } from "./references.ts";
import {
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  mayBeNull,
  pointer,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TRUSTED,
  scalar,
  UNINIT,
  UNKNOWN_SCALAR,
  type Reg,
} from "./reg-state.ts";
import { fromNumber, fromS32, ZERO } from "./u64.ts";

/** Helpers that return bytes copied or an error. */
const STRING_READERS: ReadonlySet<number> = new Set(
  ["get_stack", "get_task_stack", "probe_read_str", "probe_read_kernel_str", "probe_read_user_str"].map(helperNumber),
);
const MAX_ERRNO = 4095;
/** What the call leaves in r0. */
export function helperResult(env: Env, meta: CallMeta): Reg {
  const { proto } = meta;
  if (proto.ret === "int") return UNKNOWN_SCALAR;
  if (proto.ret === "void") return UNINIT;
  const reg = resultPointer(env, meta);
  if (mayBeNull(reg.type)) reg.id = env.nextId();
  if (proto.id === ID.ringbuf_reserve || proto.id === ID.kptr_xchg) reg.id = acquireReference(env, env.insnIdx, 0);
  if (proto.id === ID.dynptr_data) reg.parent_id = meta.dynptr?.id ?? 0;
  return reg;
}

function resultPointer(env: Env, meta: CallMeta): Reg {
  const { proto } = meta;
  const nullable = proto.retNullable ? PTR_MAYBE_NULL : 0;
  switch (proto.ret) {
    case "map_value": {
      const map = meta.map!;
      // a lookup that cannot miss yields no null
      const sure =
        proto.id === ID.map_lookup_elem &&
        lookupCannotFail(map) &&
        meta.constKey !== undefined &&
        meta.constKey < map.max_entries;
      const reg = mapPointer(PTR_TO_MAP_VALUE | (sure ? 0 : nullable), map, meta.mapUid);
      if (sure && hasField(map.fields, "bpf_spin_lock", "bpf_res_spin_lock")) reg.id = env.nextId();
      return reg;
    }
    case "mem":
    case "ringbuf_mem": {
      const reg = pointer(PTR_TO_MEM | nullable | (proto.ret === "ringbuf_mem" ? MEM_RINGBUF : 0));
      reg.num = meta.memSize;
      return reg;
    }
    case "mem_or_btf":
      return perCpuResult(env, meta, nullable);
    default: {
      const reg = pointer(PTR_TO_BTF_ID | nullable | (proto.retTrusted ? PTR_TRUSTED : 0));
      if (meta.kptr !== undefined) {
        reg.btf = meta.kptr.btf;
        reg.num = meta.kptr.btf_id;
        if (reg.btf !== env.target) reg.type |= MEM_ALLOC | (meta.kptr.kind === "percpu_kptr" ? MEM_PERCPU : 0);
      } else {
        reg.btf = env.target;
        reg.num = env.target.findByName(proto.retStruct, "STRUCT") ?? env.notModelled(`struct ${proto.retStruct}`);
      }
      return reg;
    }
  }
}

/** A per-CPU variable of the kernel: a struct, or memory of known size. */
function perCpuResult(env: Env, meta: CallMeta, nullable: number): Reg {
  const arg = meta.btfArg!;
  const btf = arg.btf!;
  const type = btf.resolved(arg.num);
  if (type.kind === "STRUCT" || type.kind === "UNION") {
    // one of the program's own is not null
    const own = (meta.proto.id === ID.per_cpu_ptr || meta.proto.id === ID.this_cpu_ptr) && arg.type & MEM_RCU;
    const reg = pointer(PTR_TO_BTF_ID | (own ? MEM_ALLOC | MEM_RCU : nullable));
    reg.btf = btf;
    reg.num = arg.num;
    return reg;
  }
  const reg = pointer(PTR_TO_MEM | MEM_RDONLY | nullable);
  reg.num = sizeOf(btf, arg.num) ?? env.reject(EINVAL, `unable to resolve the size of type '${type.name}': -22`);
  return reg;
}

/** Results that are known to lie in a range. */
export function refineResult(env: Env, meta: CallMeta): void {
  const { id } = meta.proto;
  if (STRING_READERS.has(id)) {
    const min = fromS32(-MAX_ERRNO);
    env.setReg(
      0,
      scalar(
        sync(
          new Range(UNKNOWN.bits, cnum64FromS(min, fromNumber(meta.mostSize)), cnum32FromS(-MAX_ERRNO, meta.mostSize)),
        ),
      ),
    );
  } else if (id === ID.get_smp_processor_id) {
    const most = env.limits.cpus - 1;
    env.setReg(0, scalar(sync(new Range(UNKNOWN.bits, cnum64FromU(ZERO, fromNumber(most)), cnum32FromU(0, most)))));
  }
}
