// A piece of machine code as a JavaScript function of no arguments, without an FFI's own work at every call. Node makes such
// functions for add-ons, so this is an add-on: a shared object of one page of code and one of data, written to a file that
// exists in memory only. All it does is to hand Node-API the address of the code when it is loaded. (System V ABI, gABI and
// x86-64 supplement; Node-API: napi_register_module_v1.)
//
// Where it cannot be had (another processor, no memfd_create, add-ons forbidden) the FFI's function does as well.

import { writeSync } from "node:fs";
import { concatBytes } from "../base/index.ts";
import { codeOf, imm32, imm64 } from "./machine-code.ts";
import { SYSCALLS } from "./syscalls.ts";
import type { Sys, SyscallArch } from "./types.ts";

const PAGE = 0x1000;
const MFD_CLOEXEC = 1;

const [PT_LOAD, PT_DYNAMIC, PT_GNU_STACK] = [1, 2, 0x6474e551];
const [PF_R, PF_RW, PF_RX] = [4, 6, 5];
const [DT_HASH, DT_STRTAB, DT_SYMTAB, DT_RELA, DT_RELASZ, DT_RELAENT, DT_STRSZ, DT_SYMENT] = [4, 5, 6, 7, 8, 9, 10, 11];
const R_X86_64_64 = 1;
/** st_info of a global function. */
const GLOBAL_FUNC = 0x12;
const [SYM_SIZE, RELA_SIZE, PHDR_SIZE, EHDR_SIZE] = [24, 24, 56, 64];

const CREATE = "napi_create_function";
const REGISTER = "napi_register_module_v1";
const STRINGS = `\0${CREATE}\0${REGISTER}\0`;

/** Where things lie in the file, and in memory from where it is mapped. */
const AT = {
  phdrs: EHDR_SIZE,
  symbols: 0x120,
  relocations: 0x168,
  hash: 0x180,
  strings: 0x198,
  code: 0x200,
  textEnd: 0x280,
  dynamic: PAGE,
  /** Where the loader puts the address of napi_create_function. */
  create: PAGE + 0x90,
  end: PAGE + 0x98,
} as const;

/** The shared object whose exports are the function at `entry`, which takes two words and returns a null pointer. */
export function addonImage(entry: number): Uint8Array {
  const bytes = new Uint8Array(AT.end);
  const view = new DataView(bytes.buffer);
  const halves = (at: number, ...values: number[]): void =>
    values.forEach((v, i) => view.setUint16(at + i * 2, v, true));
  const words = (at: number, ...values: number[]): void =>
    values.forEach((v, i) => view.setUint32(at + i * 4, v, true));
  const longs = (at: number, ...values: number[]): void =>
    values.forEach((v, i) => view.setBigUint64(at + i * 8, BigInt(v), true));

  // \x7fELF, 64 bits, least significant byte first, version 1
  words(0, 0x464c457f, 0x00010102);
  // ET_DYN, EM_X86_64
  halves(16, 3, 62);
  words(20, 1);
  longs(32, AT.phdrs);
  halves(52, EHDR_SIZE, PHDR_SIZE, 4);
  const segments = [
    [PT_LOAD, PF_RX, 0, AT.textEnd, PAGE],
    [PT_LOAD, PF_RW, AT.dynamic, AT.end - AT.dynamic, PAGE],
    [PT_DYNAMIC, PF_R, AT.dynamic, AT.create - AT.dynamic, 8],
    // without it the loader takes the stack to be meant for code
    [PT_GNU_STACK, PF_RW, 0, 0, 16],
  ];
  for (const [i, [type, flags, at, size, align]] of segments.entries()) {
    words(AT.phdrs + i * PHDR_SIZE, type, flags);
    longs(AT.phdrs + i * PHDR_SIZE + 8, at, at, at, size, size, align);
  }

  const symbol = (index: number, name: string, section: number, value: number): void => {
    const at = AT.symbols + index * SYM_SIZE;
    words(at, STRINGS.indexOf(name));
    bytes[at + 4] = GLOBAL_FUNC;
    halves(at + 6, section);
    longs(at + 8, value);
  };
  symbol(1, CREATE, 0, 0);
  symbol(2, REGISTER, 1, AT.code);
  longs(AT.relocations, AT.create, 2 ** 32 + R_X86_64_64, 0);
  // one bucket, three symbols: 2, then 1
  words(AT.hash, 1, 3, 2, 0, 0, 1);
  new TextEncoder().encodeInto(STRINGS, bytes.subarray(AT.strings));
  bytes.set(registerCode(entry), AT.code);

  const dynamic = [
    [DT_HASH, AT.hash],
    [DT_STRTAB, AT.strings],
    [DT_STRSZ, STRINGS.length],
    [DT_SYMTAB, AT.symbols],
    [DT_SYMENT, SYM_SIZE],
    [DT_RELA, AT.relocations],
    [DT_RELASZ, RELA_SIZE],
    [DT_RELAENT, RELA_SIZE],
  ];
  longs(AT.dynamic, ...dynamic.flat());
  return bytes;
}

// napi_value napi_register_module_v1(napi_env env, napi_value exports): the function of `entry` takes the place of `exports`.
function registerCode(entry: number): Uint8Array {
  const before = codeOf([
    [0xf3, 0x0f, 0x1e, 0xfa], //                        endbr64
    [0x48, 0x83, 0xec, 0x18], //                        sub rsp, 24
    [0x48, 0xc7, 0x44, 0x24, 0x08, 0, 0, 0, 0], //      mov qword [rsp + 8], 0
    [0x31, 0xf6], //                                    xor esi, esi          name
    [0x31, 0xd2], //                                    xor edx, edx          length
    [0x48, 0xb9, ...imm64(entry)], //                   mov rcx, entry        cb
    [0x45, 0x31, 0xc0], //                              xor r8d, r8d          data
    [0x4c, 0x8d, 0x4c, 0x24, 0x08], //                  lea r9, [rsp + 8]     result
  ]);
  // from the end of the call
  const away = AT.create - (AT.code + before.length + 6);
  const after = codeOf([
    [0xff, 0x15, ...imm32(away)], //                    call [rip + create]
    [0x48, 0x8b, 0x44, 0x24, 0x08], //                  mov rax, [rsp + 8]
    [0x48, 0x83, 0xc4, 0x18], //                        add rsp, 24
    [0xc3], //                                          ret
  ]);
  return concatBytes([before, after]);
}

/** What loading needs of its surroundings. */
export interface AddonParts {
  readonly arch: SyscallArch;
  readonly syscall: Sys["syscall"];
  /** process.dlopen. */
  readonly dlopen: (module: { exports: unknown }, path: string) => void;
}

/** The function of the code at `entry`, which must stay there; undefined where that cannot be. `name` ends with a 0. */
export function loadAddon(
  { arch, syscall, dlopen }: AddonParts,
  entry: number,
  name: number,
): (() => void) | undefined {
  if (arch !== "x64") return undefined;
  const { memfd_create, gettid, close } = SYSCALLS[arch];
  const fd = syscall(memfd_create, name, MFD_CLOEXEC);
  if (fd < 0) return undefined;
  try {
    writeSync(fd, addonImage(entry));
    const module: { exports: unknown } = { exports: {} };
    // by the thread, because the loader takes what it loaded under the same name for the same
    dlopen(module, `/proc/${process.pid}/task/${syscall(gettid)}/fd/${fd}`);
    return typeof module.exports === "function" ? (module.exports as () => void) : undefined;
  } catch {
    return undefined;
  } finally {
    // not by node:fs, which warns of a descriptor it did not open
    syscall(close, fd);
  }
}
