// What the differential test plays on the simulator and on the host's ring: a script as plain data. It names memory, open
// files and requests symbolically, so that addresses and descriptor numbers may differ between the two.

/** A value in an SQE or in memory: a number, an address (memory offset `m`), an open file (handle `h`), or 64 raw bits. */
export type Value = number | { readonly m: number } | { readonly h: number } | { readonly raw: string };

/** Bytes the process writes before it starts: `size` bytes at `at`. */
export interface Poke {
  readonly at: number;
  readonly size: 1 | 2 | 4 | 8;
  readonly value: Value;
}

/** One SQE: fields by name. `gives`: the handle that a non-negative result opens. */
export interface ScriptSqe {
  readonly fields: Readonly<Record<string, Value>>;
  readonly gives?: number;
}

/** What the process does itself before a phase. */
export type Action =
  | { readonly do: "write"; readonly h: number; readonly at: number; readonly length: number }
  | { readonly do: "read"; readonly h: number; readonly at: number; readonly length: number }
  | { readonly do: "close"; readonly h: number }
  | { readonly do: "poke"; readonly poke: Poke }
  /** Puts a buffer into the buffer ring. */
  | { readonly do: "provide"; readonly at: number; readonly length: number; readonly id: number };

/** Actions, one submission, then waiting until nothing more happens. */
export interface Phase {
  readonly actions: readonly Action[];
  readonly sqes: readonly ScriptSqe[];
  /** All requests complete inside the call, in order: the order of the CQEs counts. */
  readonly ordered: boolean;
  /** Chains, by user_data: their completions come in this order whatever else happens. */
  readonly chains?: readonly (readonly number[])[];
}

export interface Script {
  readonly seed: number;
  readonly entries: number;
  readonly cqEntries: number;
  readonly flags: number;
  /** Setup flags of the second ring, beyond NO_MMAP and NO_SQARRAY. */
  readonly secondFlags?: number;
  /** Flags of a buffer ring, group BUFFER_RING_GROUP; absent: there is none. */
  readonly bufferRing?: number;
  readonly pokes: readonly Poke[];
  readonly phases: readonly Phase[];
}

/** The process's memory, bytes; what lies behind it is not mapped. */
export const MEMORY_SIZE = 0x10_0000;
export const PARAMS_AT = 0;
export const RINGS_AT = 0x1000;
export const SQES_AT = 0x20000;
/** The same of the second ring, which is only ever sent messages. */
export const PARAMS2_AT = 0x600;
export const RINGS2_AT = 0x10000;
export const SQES2_AT = 0x18000;
export const BUFFER_RING_AT = 0x1c000;
export const BUFFER_RING_GROUP = 6;
export const BUFFER_RING_ENTRIES = 8;
/** struct sockaddr_in of the TCP listener, filled in when it is bound; its length. */
export const TCP_ADDRESS_AT = 0x5fe00;
export const TCP_ADDRESS_SIZE = 16;
/** struct sockaddr_un of the other one. */
export const UNIX_ADDRESS_AT = 0x5fe40;
export const UNIX_NAME_SIZE = 32;
/** Structures: timespecs, vectors, paths, addresses. */
export const STRUCTS_AT = 0x40000;
/** Buffers that are compared afterwards. */
export const DATA_AT = 0x60000;
export const DATA_END = 0x90000;
/** Results that legitimately differ. */
export const OUT_AT = 0xb0000;
/** Registered buffers. */
export const FIXED_BUFFERS: readonly (readonly [at: number, length: number])[] = [
  [0x60000, 4096],
  [0x70000, 65536],
];

/** Handles that are open from the start. */
export const H: {
  readonly [
    Name in
      | "f0"
      | "f1"
      | "f2"
      | "dir"
      | "pipeR"
      | "pipeW"
      | "nbR"
      | "nbW"
      | "sockA"
      | "sockB"
      | "dgramA"
      | "dgramB"
      | "event"
      | "ring"
      | "none"
      | "ring2"
      | "listener"
      | "tcpListener"
      | "tcpA"
      | "tcpB"
      | "first"
  ]: number;
} = {
  f0: 0,
  f1: 1,
  f2: 2,
  dir: 3,
  pipeR: 4,
  pipeW: 5,
  nbR: 6,
  nbW: 7,
  sockA: 8,
  sockB: 9,
  dgramA: 10,
  dgramB: 11,
  event: 12,
  ring: 13,
  none: 14,
  ring2: 15,
  listener: 16,
  tcpListener: 17,
  tcpA: 18,
  tcpB: 19,
  first: 32,
};

/** Handles in the fixed table, by slot; the last ones are empty. */
export const FIXED_FILES: readonly number[] = [H.f0, H.f1, H.pipeR, H.pipeW, H.sockA, H.sockB, -1, -1];

/** What a phase gave. */
export interface PhaseOutcome {
  readonly submitted: number;
  readonly actions: readonly number[];
  /** "user_data res flags" of each CQE, in order of arrival. */
  readonly cqes: readonly string[];
}

export interface Outcome {
  readonly phases: readonly PhaseOutcome[];
  /** The compared memory; length and hash of each file by name. */
  readonly memory: Uint8Array;
  readonly files: Readonly<Record<string, string>>;
}
