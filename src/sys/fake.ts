// A Sys without a kernel, for tests: system calls are answered by handlers given by name, addresses are made up, and every
// call is recorded.

import { ENOSYS } from "../base/index.ts";
import { SYSCALLS, type SyscallName } from "./syscalls.ts";
import type { Sys } from "./types.ts";

/** Answers one system call: a result or a negative errno. */
export type SyscallHandler = (...args: number[]) => number;

/** A call that was made. */
export interface RecordedCall {
  readonly name: string;
  readonly args: readonly number[];
}

const PAGE = 4096;

/** A fake kernel. Calls without a handler return -ENOSYS. */
export class FakeSys implements Sys {
  readonly name = "fake";
  readonly arch = "x64";
  readonly pageSize: number = PAGE;
  /** Every call made, in order. */
  readonly calls: RecordedCall[] = [];
  readonly #handlers: Partial<Record<SyscallName, SyscallHandler>>;
  readonly #buffers = new Map<ArrayBufferLike, number>();
  #nextAddress = 0x1000_0000;

  constructor(handlers: Partial<Record<SyscallName, SyscallHandler>> = {}) {
    this.#handlers = handlers;
  }

  syscall(nr: number, ...args: number[]): number {
    const entry = Object.entries(SYSCALLS.x64).find(([, number]) => number === nr);
    const name = entry?.[0] ?? `syscall ${nr}`;
    this.calls.push({ name, args });
    return this.#handlers[name as SyscallName]?.(...args) ?? -ENOSYS;
  }

  addressOf(bytes: Uint8Array): number {
    let base = this.#buffers.get(bytes.buffer);
    if (base === undefined) {
      base = this.#nextAddress;
      this.#nextAddress += Math.ceil((bytes.buffer.byteLength + PAGE) / PAGE) * PAGE;
      this.#buffers.set(bytes.buffer, base);
    }
    return base + bytes.byteOffset;
  }

  viewAt(address: number, length: number): Uint8Array {
    for (const [buffer, base] of this.#buffers) {
      if (address >= base && address + length <= base + buffer.byteLength)
        return new Uint8Array(buffer, address - base, length);
    }
    throw new RangeError(`nothing at address ${address}`);
  }

  /** Names of the calls made. */
  get trace(): string[] {
    return this.calls.map((call) => call.name);
  }
}
