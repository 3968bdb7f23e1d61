import { closeSync, existsSync, openSync } from "node:fs";
import { expect, test } from "vitest";
import { EBADF } from "../base/index.ts";
import { ENTER_WORDS } from "./call-gate.ts";
import { loadAddon, type AddonParts } from "./enter-addon.ts";
import { openSys } from "./index.ts";
import { SYSCALLS } from "./syscalls.ts";

const here = process.platform === "linux" && process.arch === "x64";
const reason = here ? "" : ` (needs Linux on x64, this is ${process.platform} on ${process.arch})`;

test.runIf(here)(`io_uring_enter(2) is called with words in memory, by a function of Node's own${reason}`, () => {
  const sys = openSys();
  const gate = sys.enterGate!;
  const words = new Uint32Array(ENTER_WORDS.size / 4);
  gate.use(sys.addressOf(new Uint8Array(words.buffer)));
  const { call } = gate;
  // one of the FFI is called "<anonymous>"
  expect(call.name).toBe("");
  expect(call).toBe(gate.call);
  words[0] = -1;
  expect(call()).toBeUndefined();
  expect(words[3] | 0).toBe(-EBADF);
});

test.runIf(here)(`loading leaves no descriptor behind${reason}`, () => {
  const sys = openSys();
  const calls: (number | undefined)[][] = [];
  const syscall: AddonParts["syscall"] = (...call) => {
    calls.push(call);
    return sys.syscall(...call);
  };
  let path = "";
  const dlopen: AddonParts["dlopen"] = (_, given) => {
    path = given;
    expect(existsSync(path)).toBe(true);
  };
  // nothing was loaded: exports stay what they were, which is no function
  expect(loadAddon({ arch: "x64", syscall, dlopen }, 4096, sys.addressOf(new Uint8Array(8)))).toBeUndefined();
  expect(calls.at(-1)).toEqual([SYSCALLS.x64.close, Number(path.split("/").at(-1))]);
});

test.each([
  ["another processor", { arch: "arm64" as const }],
  ["no files in memory", { syscall: () => -38 }],
  ["no add-ons", { dlopen: refuse }],
])("with %s there is none", (_, given) => {
  const syscall = (nr: number, fd = -1): number => {
    if (nr === SYSCALLS.x64.close) closeSync(fd);
    return nr === SYSCALLS.x64.memfd_create ? openSync("/dev/null", "w") : 0;
  };
  expect(loadAddon({ arch: "x64", syscall, dlopen: refuse, ...given }, 4096, 8192)).toBeUndefined();
});

function refuse(): never {
  throw new Error("ERR_DLOPEN_DISABLED");
}
