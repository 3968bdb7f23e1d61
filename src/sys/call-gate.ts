// A system call as a function without arguments and result. An FFI spends several nanoseconds on every argument it converts,
// and then on errno: more than a NOP request takes in the kernel. So the number and the six arguments are left in memory as
// doubles, and a few instructions of machine code fetch them, make the call, and leave the kernel's own result (-errno on
// failure) in their place. Doubles hold every descriptor, count and user address exactly.
//
// A second entry makes io_uring_enter(2) alone, for WebAssembly, which can leave integers in its own memory and nothing
// elsewhere: four words there say for which ring, and take the result. The code holds the call's number and its other
// arguments, so that the words can ask for nothing else. It is called at every step of a loop, and so not through the FFI
// where that can be helped (enter-addon.ts).
//
// Code for arm64 is left out: it goes through syscall(2), as does everything where such a page cannot be had.

import { MMAP } from "../uring/abi/index.ts";
import { loadAddon, type AddonParts } from "./enter-addon.ts";
import { codeOf, imm32, imm64 } from "./machine-code.ts";
import { SYSCALLS } from "./syscalls.ts";
import type { EnterGate } from "./types.ts";

const PAGE = 4096;
const PROT_EXEC = 4;
/**
 * The writable page begins with the number, which the result replaces, and a0 .. a5; then come the address of the four words,
 * and four words to try the second entry with.
 */
const BLOCK_WORDS = 7;
const CELL = BLOCK_WORDS * 8;
const TRIAL = CELL + 8;
/** The second entry in the page of code. */
const ENTER = 128;

/** The four words of `EnterGate`, each 32 bits, by their offsets. */
export const ENTER_WORDS = { fd: 0, to_submit: 4, flags: 8, result: 12, size: 16 } as const;

/** The x86-64 code for arguments at address `block`. */
export function gateCode(block: number): Uint8Array {
  const address = imm64(block);
  return codeOf([
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
  ]);
}

/** The x86-64 code of the second entry; the address of the words is at `cell`. */
export function enterCode(cell: number): Uint8Array {
  const address = imm64(cell);
  const { fd, to_submit, flags, result } = ENTER_WORDS;
  return codeOf([
    [0xf3, 0x0f, 0x1e, 0xfa], //       endbr64
    [0x49, 0xbb, ...address], //       mov r11, cell
    [0x4d, 0x8b, 0x1b], //             mov r11, [r11]
    [0x41, 0x8b, 0x7b, fd], //         mov edi, [r11 + fd]
    [0x41, 0x8b, 0x73, to_submit], //  mov esi, [r11 + to_submit]
    [0x31, 0xd2], //                   xor edx, edx        min_complete
    [0x45, 0x8b, 0x53, flags], //      mov r10d, [r11 + flags]
    [0x45, 0x31, 0xc0], //             xor r8d, r8d        arg
    [0x45, 0x31, 0xc9], //             xor r9d, r9d        argsz
    [0xb8, ...imm32(SYSCALLS.x64.io_uring_enter)], // mov eax, io_uring_enter
    [0x0f, 0x05], //                   syscall
    [0x48, 0xb9, ...address], //       mov rcx, cell
    [0x48, 0x8b, 0x09], //             mov rcx, [rcx]
    [0x89, 0x41, result], //           mov [rcx + result], eax
    [0x31, 0xc0], //                   xor eax, eax        Node-API takes it for undefined
    [0xc3], //                         ret
  ]);
}

/** What the gate needs of the FFI. */
export interface GateParts extends AddonParts {
  readonly viewAt: (address: number, length: number) => Uint8Array;
  /** `void f(void)` at an address. */
  readonly functionAt: (address: number) => () => void;
}

/** See the head of the file. */
export interface CallGate {
  readonly block: Float64Array;
  /** Makes the call that `block` describes; its result is block[0] then. */
  readonly call: () => void;
  readonly enter: EnterGate;
}

/**
 * One gate for the current thread, for as long as the process lives; undefined where there is none. The page with the code is
 * never writable and executable at once.
 */
export function openCallGate(parts: GateParts): CallGate | undefined {
  const { arch, syscall, viewAt, functionAt } = parts;
  if (arch !== "x64") return undefined;
  const { PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS } = MMAP;
  const { mmap, mprotect, munmap, getpid } = SYSCALLS[arch];
  const pages = syscall(mmap, 0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages < 0) return undefined;
  const code = viewAt(pages, PAGE);
  code.set(gateCode(pages + PAGE));
  code.set(enterCode(pages + PAGE + CELL), ENTER);
  if (syscall(mprotect, pages, PAGE, PROT_READ | PROT_EXEC, 0, 0, 0) < 0) {
    syscall(munmap, pages, 2 * PAGE, 0, 0, 0, 0);
    return undefined;
  }
  const data = pages + PAGE;
  const bytes = viewAt(data, TRIAL + ENTER_WORDS.size);
  const block = new Float64Array(bytes.buffer, bytes.byteOffset, BLOCK_WORDS);
  const gate = { block, call: functionAt(pages), enter: enterGate(parts, pages + ENTER, data, bytes) };
  block[0] = getpid;
  gate.call();
  return block[0] === process.pid ? gate : undefined;
}

// The second entry, found when it is first asked for: most threads never do.
function enterGate(parts: GateParts, entry: number, data: number, bytes: Uint8Array): EnterGate {
  let call: (() => void) | undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const use = (words: number | bigint): void => view.setBigUint64(CELL, BigInt(words), true);
  // no ring has the descriptor -1, and 1 is no result of the call
  const works = (candidate: () => void): boolean => {
    const used = view.getBigUint64(CELL, true);
    view.setInt32(TRIAL + ENTER_WORDS.fd, -1, true);
    view.setInt32(TRIAL + ENTER_WORDS.result, 1, true);
    use(data + TRIAL);
    candidate();
    use(used);
    return view.getInt32(TRIAL + ENTER_WORDS.result, true) < 0;
  };
  return {
    use,
    get call() {
      if (call === undefined) {
        const addon = loadAddon(parts, entry, data + TRIAL + ENTER_WORDS.size);
        call = addon && works(addon) ? addon : parts.functionAt(entry);
      }
      return call;
    },
  };
}
