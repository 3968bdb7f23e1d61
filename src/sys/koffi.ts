// Sys by way of koffi, loaded when first asked for. Calls go through a gate of machine code where there is one
// (call-gate.ts); else through syscall(2), its prototype fixed at seven integers, because the variadic one costs twice as
// much. There errno is live state of the thread, so it is read in the expression after the call.

import { createRequire } from "node:module";

import { openCallGate, type CallGate } from "./call-gate.ts";
import { SysError } from "./errors.ts";
import type { Sys, SyscallArch } from "./types.ts";

type Int = number | bigint;

/** The part of koffi used here. */
interface Koffi {
  load(path: null): { func(prototype: string): (...args: number[]) => Int };
  errno(): number;
  address(bytes: Uint8Array): Int;
  view(address: Int, length: number): ArrayBuffer;
  /** Without a name, which would have to be the only one of its kind in the process. */
  proto(result: string, params: readonly string[]): unknown;
  /** With a prototype: the function at an address. */
  decode(address: Int, prototype: unknown): () => void;
}

const SYSCALL_PROTOTYPE =
  "int64_t syscall(int64_t nr, int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5)";
const SC_PAGESIZE = 30;

let opened: Sys | undefined;

/** The real kernel, one per thread. Throws SysError `SYS_PLATFORM` or `SYS_NO_FFI`. */
export function openSys(): Sys {
  return (opened ??= createKoffiSys(process.platform, process.arch, requireKoffi));
}

/** openSys with its surroundings given, for tests. */
export function createKoffiSys(platform: string, arch: string, load: () => unknown): Sys {
  if (platform !== "linux" || (arch !== "x64" && arch !== "arm64")) {
    throw new SysError("SYS_PLATFORM", {
      message: "system calls are made on Linux only, on x64 and arm64",
      found: `${platform} on ${arch}`,
      remedy: "Use the sim engine, which runs anywhere",
    });
  }
  let koffi: Koffi;
  try {
    koffi = load() as Koffi;
  } catch (cause) {
    throw new SysError("SYS_NO_FFI", {
      message: "the optional package koffi, through which system calls are made, cannot be loaded",
      found: cause instanceof Error ? cause.message.split("\n")[0] : String(cause),
      remedy: "Install it (npm install koffi), or use the sim engine",
      cause,
    });
  }
  return wrap(koffi, arch);
}

function requireKoffi(): unknown {
  return createRequire(import.meta.url)("koffi");
}

function wrap(koffi: Koffi, arch: SyscallArch): Sys {
  const libc = koffi.load(null);
  const call = libc.func(SYSCALL_PROTOTYPE);
  const sysconf = libc.func("long sysconf(int name)");
  const syscall: Sys["syscall"] = (nr, a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0) => {
    const result = call(nr, a0, a1, a2, a3, a4, a5);
    // nothing may come between the call and this: any allocation could make another call and change errno
    if (result === -1) return -koffi.errno();
    return typeof result === "number" ? result : Number(result);
  };
  const viewAt = (address: number, length: number): Uint8Array => new Uint8Array(koffi.view(address, length));
  const functionAt = (address: number): (() => void) => koffi.decode(address, koffi.proto("void", []));
  const gate = openCallGate({ arch, syscall, viewAt, functionAt, dlopen: (into, path) => process.dlopen(into, path) });
  return {
    name: "koffi",
    arch,
    pageSize: Number(sysconf(SC_PAGESIZE)),
    syscall: gate ? throughGate(gate) : syscall,
    addressOf: (bytes) => {
      // a small array may live inside the JavaScript heap until its buffer is asked for
      void bytes.buffer;
      return Number(koffi.address(bytes));
    },
    viewAt,
    enterGate: gate?.enter,
  };
}

function throughGate({ block, call }: CallGate): Sys["syscall"] {
  return (nr, a0 = 0, a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0) => {
    block[0] = nr;
    block[1] = a0;
    block[2] = a1;
    block[3] = a2;
    block[4] = a3;
    block[5] = a4;
    block[6] = a5;
    call();
    return block[0];
  };
}
