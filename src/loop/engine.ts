// The Engine type: what `kernel`, `user` and `sim` have in common, as a program's host sees it. An engine gives out rings,
// buffers and files of its world, loads objects, and runs a ring's loop. Behaviour is that of Linux 7.2 (io_uring/loop.c,
// io_uring/bpf-ops.c); what an engine cannot do it says in `why` or by an error, never by silence.

import type { Btf, BtfValue } from "../bpf/btf/index.ts";
import type { BpfObject, Globals } from "../bpf/object/index.ts";
import type { FaultPlan } from "../uring/sim/index.ts";
import type { TraceSink } from "../uring/trace/index.ts";
import type { RingGeometry } from "./ring-params.ts";

export type EngineName = "kernel" | "user" | "sim";

/** Options of every engine. */
export interface EngineOptions {
  /** Interpret instead of compiling to WebAssembly (`user`, `sim`). */
  readonly interpret?: boolean;
  /** false: skip the verifier; accesses are then checked as they happen (`user`, `sim`). Default true. */
  readonly verify?: boolean;
  /** Receives each line a program prints (bpf_printk). Default: dropped. */
  readonly onPrintk?: (line: string) => void;
  /** Why better engines were passed over; `auto` fills it in, and it becomes a part of `why`. */
  readonly passedOver?: readonly string[];
  /** Seed of everything random (bpf_get_prandom_u32, and the schedule in `sim`). Default 1. */
  readonly seed?: number;
  /** Takes each event of a run as it happens (docs/trace-format.md); what it throws ends the run. */
  readonly trace?: TraceSink;
  /** What is to go wrong in a run. Only `sim` can do it; others refuse. */
  readonly faults?: FaultPlan;
}

/** How a ring is made. */
export interface RingOptions {
  /** Submission queue entries, 1..32768; rounded up to a power of two. */
  readonly entries: number;
  /** Completion queue entries; needs the flag CQSIZE. */
  readonly cq_entries?: number;
  /** Names of IORING_SETUP_* without the prefix. Default: DEFAULT_SETUP_FLAGS, CQSIZE only with `cq_entries`. */
  readonly flags?: readonly string[];
  /** Bytes of the parameter region IOU_REGION_MEM: a non-zero multiple of 4096. Absent: none registered. */
  readonly mem?: number;
}

/** The flags a loop runs best with, and the command line's default. */
export const DEFAULT_SETUP_FLAGS: readonly string[] = [
  "SINGLE_ISSUER",
  "DEFER_TASKRUN",
  "NO_SQARRAY",
  "CQSIZE",
  "SQ_REWIND",
];

/** Memory of the I/O side: what `sqe->addr` may point to. */
export interface IoBuffer extends Disposable {
  /** The address to put into an SQE. */
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/** One engine, open. */
export interface Engine extends Disposable {
  readonly name: EngineName;
  /** One sentence: why this engine, and what it does differently from Linux 7.2 on this machine. */
  readonly why: string;
  /** BTF that objects are resolved against. */
  readonly target: Btf;
  createRing(options: RingOptions): Ring;
  /** Resolves, verifies and compiles every struct_ops program of `object`, and creates its maps. */
  load(object: BpfObject): Promise<LoadedObject>;
  /** A descriptor of this engine's world: "read" opens, "create" creates or truncates for reading and writing. */
  openFile(path: string, mode: "read" | "create"): number;
  closeFile(fd: number): void;
  /** Zeroed, page-aligned I/O memory. */
  buffer(bytes: number): IoBuffer;
}

/** Counters of a run. */
export interface RunStats {
  /** Calls of loop_step; undefined where the engine cannot see them (`kernel`). */
  readonly steps: number | undefined;
  /** Requests submitted and completions posted during the run. */
  readonly submitted: number | undefined;
  readonly completed: number;
  /** io_uring_enter system calls. */
  readonly enters: number;
  /** The loop alone, nanoseconds. */
  readonly wallNs: number;
}

export interface RunOptions {
  /** Ends the loop: result -EINTR. */
  readonly signal?: AbortSignal;
  /** Ends the loop after so many calls of loop_step: LOOP_STEPS. */
  readonly maxSteps?: number;
  /** Ends the loop after so many milliseconds: LOOP_TIMEOUT. */
  readonly timeoutMs?: number;
}

/** A ring that may have a loop attached. */
export interface Ring extends Disposable {
  readonly params: RingGeometry;
  /** IOU_REGION_MEM, shared with the program both ways. */
  readonly mem: Uint8Array | undefined;
  /** The submission queue entries (IOU_REGION_SQ) and the rings (IOU_REGION_CQ), as the program sees them. */
  readonly sqes: Uint8Array;
  readonly rings: Uint8Array;
  /** Enables a ring made with R_DISABLED. */
  enable(): void;
  /** Calls of loop_step so far in the run that is on; undefined where they cannot be seen. */
  readonly stepsSoFar: number | undefined;
  /** Counters of the last run. */
  readonly stats: RunStats;
  /** io_uring_enter with the loop attached, in the ring's own thread: resolves to 0 or rejects with LoopError or VmFault. */
  run(options?: RunOptions): Promise<0>;
  /** The same, blocking the calling thread. */
  runSync(options?: Omit<RunOptions, "signal">): 0;
}

/** A map of a loaded object. Keys and values are bytes here; `entries` decodes them by BTF where it is known. */
export interface LoadedMap {
  readonly name: string;
  lookup(key: Uint8Array): Uint8Array | undefined;
  update(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): boolean;
  /** All entries, decoded; in an array by index. */
  entries(): [key: unknown, value: unknown][];
}

/** An object loaded into an engine. `values`, `bss` and the like are the live values, shared with the running program. */
export interface LoadedObject extends Disposable {
  readonly object: BpfObject;
  readonly values: Globals;
  /** Globals of one section as properties. A misspelt name throws; those of .rodata can no longer be set. */
  readonly bss: Record<string, BtfValue>;
  readonly data: Record<string, BtfValue>;
  readonly rodata: Record<string, BtfValue>;
  readonly maps: Readonly<Record<string, LoadedMap>>;
  /** Attaches a struct_ops map (by name; may be left out when there is one only) to a ring. Throws AttachError. */
  attach(ops: string | undefined, ring: Ring): Link;
}

/** An attachment (bpf_link). Detaching twice is fine; a loop that is running returns -EFAULT at its next iteration. */
export interface Link extends Disposable {
  readonly ops: string;
  detach(): void;
}
