// A process for tests: sets up a ring in a fresh machine, writes SQEs by field name, reads CQEs. Nothing the library needs.

import { setField } from "../../base/index.ts";
import {
  IORING_SETUP,
  decodeParams,
  encodeParams,
  io_uring_sqe,
  type RingParams,
  type SetupRequest,
  type SqeField,
} from "../abi/index.ts";
import { SimKernel, type SimOptions } from "./kernel.ts";
import { SIM_BASE } from "./memory.ts";
import type { Ring } from "./state.ts";

/** A CQE as tests compare it; user_data as a number for brevity. */
export interface TestCqe {
  readonly user_data: number;
  readonly res: number;
  readonly flags: number;
}

/** Fields of an SQE; those that are absent are 0. */
export type TestSqe = Partial<Record<SqeField, number | bigint>>;

/** Setup flags by short name. */
export type ShortFlag = keyof typeof IORING_SETUP extends `IORING_SETUP_${infer Name}` ? Name : never;

/** The flags a loop needs. */
export const LOOP_FLAGS: readonly ShortFlag[] = ["SINGLE_ISSUER", "DEFER_TASKRUN", "NO_SQARRAY"];

/** Bits of short flag names. */
export function setupFlags(names: readonly ShortFlag[]): number {
  return names.reduce((all, name) => all | IORING_SETUP[`IORING_SETUP_${name}`], 0);
}

const PARAMS_AT = 0x100;
const MEMORY = 1 << 22;
const SCRATCH = 0x10000;

/** A machine with one ring. Process memory below 1 MiB is free for tests from `scratch` on. */
export class TestProcess {
  readonly kernel: SimKernel;
  readonly fd: number;
  readonly params: RingParams;
  readonly rings: number;
  readonly sqes: number;
  #scratch = SCRATCH;

  constructor(request: SetupRequest, options: Partial<SimOptions> = {}) {
    this.kernel = new SimKernel({ memory: new ArrayBuffer(MEMORY), kernelFloor: 1 << 20, ...options });
    const { bytes } = this.kernel.memory;
    encodeParams(request, bytes.subarray(PARAMS_AT));
    this.fd = this.kernel.setup(request.entries, SIM_BASE + PARAMS_AT);
    if (this.fd < 0) throw new Error(`io_uring_setup: ${this.fd}`);
    this.params = decodeParams(bytes.subarray(PARAMS_AT));
    this.rings = this.kernel.mmap(this.fd, 0, 64) - SIM_BASE;
    this.sqes = this.kernel.mmap(this.fd, 0x1000_0000, 64) - SIM_BASE;
  }

  get ring(): Ring {
    const ring = this.kernel.ring(this.fd);
    if (typeof ring === "number") throw new Error(`not a ring: ${ring}`);
    return ring;
  }

  word(offset: number): number {
    return this.kernel.memory.view.getUint32(this.rings + offset, true);
  }

  setWord(offset: number, value: number): void {
    this.kernel.memory.view.setUint32(this.rings + offset, value, true);
  }

  /** Queues an SQE. */
  push(sqe: TestSqe): void {
    const { sq_off, sq_entries, flags } = this.params;
    const tail = this.word(sq_off.tail);
    const index = tail & (sq_entries - 1);
    const size = (flags & IORING_SETUP.IORING_SETUP_SQE128) !== 0 ? 128 : 64;
    const at = this.sqes + index * size;
    this.kernel.memory.bytes.fill(0, at, at + size);
    for (const [name, value] of Object.entries(sqe)) {
      setField(io_uring_sqe, this.kernel.memory.view, at, name as SqeField, value);
    }
    if (sq_off.array !== 0) this.setWord(sq_off.array + index * 4, index);
    this.setWord(sq_off.tail, (tail + 1) >>> 0);
  }

  /** Queues and submits; the return value of io_uring_enter. */
  submit(sqes: readonly TestSqe[], wait = 0): number {
    for (const sqe of sqes) this.push(sqe);
    return this.kernel.enter(this.fd, sqes.length, wait, wait > 0 ? 1 : 0);
  }

  /** Enters for completions only. */
  wait(count: number): number {
    return this.kernel.enter(this.fd, 0, count, 1);
  }

  /** Takes all CQEs there are. */
  reap(): TestCqe[] {
    const { cq_off, cq_entries, flags } = this.params;
    const { view } = this.kernel.memory;
    const out: TestCqe[] = [];
    let head = this.word(cq_off.head);
    const tail = this.word(cq_off.tail);
    const size = (flags & IORING_SETUP.IORING_SETUP_CQE32) !== 0 ? 32 : 16;
    for (; head !== tail; head = (head + 1) >>> 0) {
      const at = this.rings + cq_off.cqes + (head & (cq_entries - 1)) * size;
      out.push({
        user_data: Number(view.getBigUint64(at, true)),
        res: view.getInt32(at + 8, true),
        flags: view.getUint32(at + 12, true),
      });
    }
    this.setWord(cq_off.head, head);
    return out;
  }

  /** Submits, waits for all of them, and takes the CQEs. */
  run(sqes: readonly TestSqe[], expected: number = sqes.length): TestCqe[] {
    const ret = this.submit(sqes, expected);
    if (ret !== sqes.length) throw new Error(`io_uring_enter: ${ret}`);
    return this.reap();
  }

  /** Memory for a test: its offset. */
  space(bytes: number): number {
    const at = this.#scratch;
    this.#scratch += (bytes + 15) & ~15;
    return at;
  }

  /** Puts bytes or a NUL-terminated string into memory: its address. */
  put(value: Uint8Array | string): number {
    const bytes = typeof value === "string" ? new TextEncoder().encode(`${value}\0`) : value;
    const at = this.space(bytes.length);
    this.kernel.memory.bytes.set(bytes, at);
    return SIM_BASE + at;
  }

  /** A struct __kernel_timespec: its address. */
  timespec(ns: number): number {
    const at = this.space(16);
    this.kernel.memory.view.setBigInt64(at, BigInt(Math.floor(ns / 1e9)), true);
    this.kernel.memory.view.setBigInt64(at + 8, BigInt(ns % 1e9), true);
    return SIM_BASE + at;
  }

  /** Bytes at an address. */
  bytes(address: number, length: number): Uint8Array {
    return this.kernel.memory.bytes.slice(address - SIM_BASE, address - SIM_BASE + length);
  }
}
