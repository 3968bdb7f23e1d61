// What helpers and kfuncs get to work with, and the part of it that does not depend on the engine: clocks, random
// numbers, maps by handle. The interpreter and the JIT each add how to check an address, to fail, and to call back.

import { Prng } from "../../base/index.ts";
import { openMap, type VmMap } from "./map.ts";
import type { VmMemory } from "./memory.ts";
import type { VmEnv, VmImage } from "./types.ts";

/**
 * How an argument arrives: "ptr" an address below 2^32 (anything else is a fault), "i32" the low word, signed, "num" the
 * whole as a non-negative JS number (rounded beyond 2^53), "i64" a bigint, unsigned, "func" the first slot of a callback.
 */
export type ParamKind = "ptr" | "i32" | "num" | "i64" | "func";

/** "i32" sign-extends a number into r0, "u32" zero-extends it, "i64" takes a bigint, "void" leaves r0 0. */
export type ResultKind = "i32" | "u32" | "i64" | "void";

/** A helper or kfunc of the VM. `call` gets the host and one argument per parameter, numbers but for "i64". */
export interface HostFunction {
  readonly name: string;
  readonly params: readonly ParamKind[];
  readonly result: ResultKind;
  readonly call: (host: VmHost, ...args: never[]) => number | bigint | void;
}

/** What a host function may use. */
export interface VmHost extends HostServices {
  /** Throws a memory fault unless the program may touch these bytes. */
  check(address: number, size: number, write: boolean): void;
  /** Whether the program may read these bytes. */
  readable(address: number, size: number): boolean;
  /** Ends the program with a `helper` fault. */
  fail(detail: string): never;
  /** A function that calls the program's function at `slot`; `ctx` becomes argument `ctxAt` (1..5). It returns the low word of r0. */
  callback(slot: number, ctx: bigint, ctxAt: number): (a1: number, a2?: number, a3?: number) => number;
}

/** The engine-independent part of a host. */
export interface HostServices {
  readonly memory: VmMemory;
  readonly ktimeNs: () => bigint;
  readonly bootNs: () => bigint;
  readonly prng: Prng;
  readonly printk: (text: string) => void;
  readonly task: NonNullable<VmEnv["task"]>;
  /** The map with this handle, or undefined. */
  mapAt(handle: number): VmMap | undefined;
}

function performanceNs(): bigint {
  return BigInt(Math.round(performance.now() * 1e6));
}

/** The services of one image. */
export function createServices(image: VmImage, memory: VmMemory, env: VmEnv): HostServices {
  const maps = new Map(image.maps.map((map) => [map.handle, openMap(map, memory)]));
  const ktimeNs = env.ktimeNs ?? performanceNs;
  return {
    memory,
    ktimeNs,
    bootNs: env.bootNs ?? ktimeNs,
    prng: new Prng(env.seed ?? Math.floor(Math.random() * 2 ** 53)),
    printk: env.printk ?? (() => {}),
    task: env.task ?? { pid: 0, tgid: 0, uid: 0, gid: 0, comm: "loopstep" },
    mapAt: (handle) => maps.get(handle),
  };
}
