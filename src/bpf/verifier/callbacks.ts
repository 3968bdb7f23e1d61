// How functions that helpers call back begin: their arguments and the range of their results.

import type { SetCallee } from "./check-call.ts";
import { ENOTSUPP, type Env } from "./env.ts";
import { canIterate, type MapInfo } from "./maps.ts";
import {
  CONST_PTR_TO_MAP,
  DYNPTR_LOCAL,
  pointer,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  UNINIT,
  type Reg,
} from "./reg-state.ts";
import { dynptrReg } from "./stack-objects.ts";
import type { Frame } from "./states.ts";

/** Arguments of a callback that may return 0 to `most`. */
export function callback(callee: Frame, regs: readonly Reg[], most: number): void {
  regs.forEach((reg, i) => {
    callee.regs[i + 1] = reg;
  });
  for (let r = regs.length + 1; r <= 5; r++) callee.regs[r] = UNINIT;
  callee.inCallback = true;
  callee.minReturn = 0;
  callee.maxReturn = most;
}

/** A pointer that belongs to a map. */
export function mapPointer(type: number, map: MapInfo | undefined, uid: number): Reg {
  const reg = pointer(type);
  reg.map = map;
  reg.num = uid;
  return reg;
}

/** Called for each element: map, key, value, context. */
export function forEachCallback(
  env: Env,
  meta: { readonly map: MapInfo | undefined; readonly mapUid: number },
): SetCallee {
  const { map } = meta;
  return (caller, callee) => {
    if (map === undefined || !canIterate(map)) env.reject(ENOTSUPP, "callback function not allowed for map");
    callback(
      callee,
      [
        caller.regs[1],
        mapPointer(PTR_TO_MAP_KEY, map, meta.mapUid),
        mapPointer(PTR_TO_MAP_VALUE, map, meta.mapUid),
        caller.regs[3],
      ],
      1,
    );
  };
}

/** Timers and work queues: called later with the map, the key and the value. */
export function timerCallback(env: Env): SetCallee {
  const { map } = env.reg(1);
  return (_, callee) => {
    callback(
      callee,
      [mapPointer(CONST_PTR_TO_MAP, map, 0), mapPointer(PTR_TO_MAP_KEY, map, 0), mapPointer(PTR_TO_MAP_VALUE, map, 0)],
      0,
    );
    callee.inCallback = false;
    callee.inAsyncCallback = true;
  };
}

/** Called later, by the task: with the map, the key and the value. */
export function taskWorkCallback(meta: { readonly map: MapInfo | undefined; readonly mapUid: number }): SetCallee {
  const { map, mapUid } = meta;
  return (_, callee) => {
    callback(
      callee,
      [CONST_PTR_TO_MAP, PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE].map((type) => mapPointer(type, map, mapUid)),
      0,
    );
    callee.inCallback = false;
    callee.inAsyncCallback = true;
    callee.minReturn = -0x8000_0000;
    callee.maxReturn = 0x7fff_ffff;
  };
}

/** Called with a task and its mapping. */
export function vmaCallback(env: Env): SetCallee {
  return (caller, callee) => {
    const vma = pointer(PTR_TO_BTF_ID);
    vma.btf = env.target;
    vma.num = env.target.findByName("vm_area_struct", "STRUCT") ?? 0;
    callback(callee, [caller.regs[1], vma, caller.regs[4]], 1);
  };
}

/** Called with a dynptr over each sample. */
export function ringbufCallback(env: Env): SetCallee {
  return (caller, callee) => {
    callback(callee, [dynptrReg(DYNPTR_LOCAL, true, env.nextId(), 0), caller.regs[3]], 1);
  };
}
