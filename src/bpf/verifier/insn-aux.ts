// What the passes find out about each instruction (struct bpf_insn_aux_data of include/linux/bpf_verifier.h at v7.2). A
// program may have a million instructions: what all of them have lies in flat arrays, what few have in maps.

import type { MapInfo } from "./maps.ts";
import type { Reg } from "./reg-state.ts";

/** Marks of an instruction, bits. Paths may meet here. */
export const PRUNE_POINT = 1;
/** Control arrives here other than by falling through. */
export const JMP_POINT = 2;
export const FORCE_CHECKPOINT = 4;
export const CALLS_CALLBACK = 8;
export const ITER_NEXT = 16;
/** Walked on some path. */
export const SEEN = 32;
/** May end its function as well as fall through. */
export const MAY_RETURN = 64;
/** A jump or call leads here. */
export const JUMP_TARGET = 128;

/** Registers that have one value on every path, as bit masks, and what they hold. */
export interface KnownRegs {
  /** Constants of 32 bits. */
  readonly constMask: number;
  readonly mapMask: number;
  readonly subprogMask: number;
  /** By register: the constant or the function's index. */
  readonly values: readonly number[];
  readonly maps: readonly (MapInfo | undefined)[];
}

const NONE_KNOWN: KnownRegs = { constMask: 0, mapMask: 0, subprogMask: 0, values: [], maps: [] };
/** No further successor. */
export const NOWHERE = -1;

export class InsnAux {
  readonly marks: Uint8Array;
  /** Strongly connected component; 0 for none. */
  readonly scc: Int32Array;
  /** Registers read later on: a bit mask. */
  readonly liveRegs: Uint16Array;
  /** Pointer type this load or store was seen with. */
  readonly ptrType: Int32Array;
  /** Where control may go inside the function, a call's successor being what follows it; NOWHERE for none. */
  readonly next: Int32Array;
  readonly branch: Int32Array;
  /** ld_imm64 of a map or map value. */
  readonly maps: Map<number, { readonly map: MapInfo; readonly offset: number }> = new Map();
  /** ld_imm64 of a kernel symbol. */
  readonly symbols: Map<number, Reg> = new Map();
  /** bpf_loop(): the one callback it always has with zero flags, or -2. */
  readonly loopCallbacks: Map<number, number> = new Map();
  /** Spills and fills around calls, and those of the calls that Linux inlines. */
  readonly fastcallPattern: Set<number> = new Set();
  readonly fastcallCalls: Set<number> = new Set();
  /** Of jumps and calls. */
  readonly knownRegs: Map<number, KnownRegs> = new Map();

  constructor(count: number) {
    this.marks = new Uint8Array(count);
    this.scc = new Int32Array(count);
    this.liveRegs = new Uint16Array(count);
    this.ptrType = new Int32Array(count);
    this.next = new Int32Array(count);
    this.branch = new Int32Array(count);
  }

  has(at: number, marks: number): boolean {
    return (this.marks[at] & marks) !== 0;
  }

  mark(at: number, marks: number): void {
    this.marks[at] |= marks;
  }

  known(at: number): KnownRegs {
    return this.knownRegs.get(at) ?? NONE_KNOWN;
  }
}
