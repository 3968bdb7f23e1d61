// A system call as a function without arguments and result. An FFI spends several nanoseconds on every argument it converts,
// and then on errno: more than a NOP request takes in the kernel. So the number and the six arguments are left in memory as
// doubles, and a few instructions of machine code fetch them, make the call, and leave the kernel's own result (-errno on
// failure) in their place. Doubles hold every descriptor, count and user address exactly.
//
// Code for arm64 is left out: it goes through syscall(2), as does everything where such a page cannot be had.

import { MMAP } from "../uring/abi/index.ts";
import { SYSCALLS } from "./syscalls.ts";
import type { SyscallArch } from "./types.ts";

const PAGE = 4096;
const PROT_EXEC = 4;
/** The writable page begins with the number, which the result replaces, and a0 .. a5. */
const BLOCK_WORDS = 7;

/** The x86-64 code for arguments at address `block`. */
export function gateCode(block: number): Uint8Array {
  const address = new Uint8Array(8);
  new DataView(address.buffer).setBigUint64(0, BigInt(block), true);
  const rows: readonly (readonly number[])[] = [
    [0xf3, 0x0f, 0x1e, 0xfa], //             endbr64
    [0x49, 0xbb, ...address], //             mov r11, block
    [0xf2, 0x49, 0x0f, 0x2c, 0x03], //       cvttsd2si rax, [r11]
    [0xf2, 0x49, 0x0f, 0x2c, 0x7b, 0x08], // cvttsd2si rdi, [r11 + 8]
    [0xf2, 0x49, 0x0f, 0x2c, 0x73, 0x10], // cvttsd2si rsi, [r11 + 16]
    [0xf2, 0x49, 0x0f, 0x2c, 0x53, 0x18], // cvttsd2si rdx, [r11 + 24]
    [0xf2, 0x4d, 0x0f, 0x2c, 0x53, 0x20], // cvttsd2si r10, [r11 + 32]
    [0xf2, 0x4d, 0x0f, 0x2c, 0x43, 0x28], // cvttsd2si r8, [r11 + 40]
    [0xf2, 0x4d, 0x0f, 0x2c, 0x4b, 0x30], // cvttsd2si r9, [r11 + 48]
    [0x0f, 0x05], //                         syscall
    [0x48, 0xb9, ...address], //             mov rcx, block
    [0xf2, 0x48, 0x0f, 0x2a, 0xc0], //       cvtsi2sd xmm0, rax
    [0xf2, 0x0f, 0x11, 0x01], //             movsd [rcx], xmm0
    [0xc3], //                               ret
  ];
  return Uint8Array.from(rows.flat());
}

/** What the gate needs of the FFI. */
export interface GateParts {
  readonly arch: SyscallArch;
  /** syscall(2): the result or a negative errno. */
  readonly syscall: (nr: number, ...args: readonly number[]) => number;
  readonly viewAt: (address: number, length: number) => Uint8Array;
  /** `void f(void)` at an address. */
  readonly functionAt: (address: number) => () => void;
}

/** See the head of the file. */
export interface CallGate {
  readonly block: Float64Array;
  /** Makes the call that `block` describes; its result is block[0] then. */
  readonly call: () => void;
}

/**
 * One gate for the current thread, for as long as the process lives; undefined where there is none. The page with the code is
 * never writable and executable at once.
 */
export function openCallGate({ arch, syscall, viewAt, functionAt }: GateParts): CallGate | undefined {
  if (arch !== "x64") return undefined;
  const { PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS } = MMAP;
  const { mmap, mprotect, munmap, getpid } = SYSCALLS[arch];
  const pages = syscall(mmap, 0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages < 0) return undefined;
  viewAt(pages, PAGE).set(gateCode(pages + PAGE));
  if (syscall(mprotect, pages, PAGE, PROT_READ | PROT_EXEC, 0, 0, 0) < 0) {
    syscall(munmap, pages, 2 * PAGE, 0, 0, 0, 0);
    return undefined;
  }
  const bytes = viewAt(pages + PAGE, BLOCK_WORDS * 8);
  const block = new Float64Array(bytes.buffer, bytes.byteOffset, BLOCK_WORDS);
  const gate = { block, call: functionAt(pages) };
  block[0] = getpid;
  gate.call();
  return block[0] === process.pid ? gate : undefined;
}
