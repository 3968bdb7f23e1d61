import { Worker } from "node:worker_threads";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asm, helperId } from "../isa/index.ts";
import type { MapSpec } from "../object/index.ts";
import { mapSpec } from "./harness.ts";
import {
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_QUEUE,
  buildImage,
  HELPERS,
  Interpreter,
  openMap,
  VmError,
  VmFault,
  VmMemory,
  type FaultKind,
  type ImageSource,
  type VmEnv,
  type VmMap,
} from "./index.ts";

const KFUNCS = {
  bpf_iter_num_new: 11,
  bpf_iter_num_next: 12,
  bpf_iter_num_destroy: 13,
  bpf_rcu_read_lock: 14,
  bpf_own: 15,
  bpf_none: 16,
};
const kfuncName = (id: number): string => Object.entries(KFUNCS).find(([, value]) => value === id)?.[0] ?? "";

interface Setup {
  readonly maps?: readonly MapSpec[];
  readonly env?: VmEnv;
  readonly memory?: VmMemory;
}

interface Loaded {
  readonly memory: VmMemory;
  readonly vm: Interpreter;
  readonly maps: readonly VmMap[];
  readonly image: ReturnType<typeof buildImage>;
}

function load(text: string, { maps = [], env = {}, memory = VmMemory.create() }: Setup = {}): Loaded {
  const insns = asm(text, { kfuncs: KFUNCS, maps: maps.map((map) => map.name) });
  const source: ImageSource = { name: "prog", insns, subprogs: [], lines: [], maps, target: { nameOf: kfuncName } };
  const image = buildImage(source, memory);
  return {
    memory,
    image,
    vm: new Interpreter(image, memory, env),
    maps: image.maps.map((map) => openMap(map, memory)),
  };
}

/** r0 after running `text`, signed. */
function run(text: string, setup: Setup = {}): bigint {
  const { vm } = load(text, setup);
  vm.run(0);
  return BigInt.asIntN(64, vm.r0);
}

function faultOf(action: () => unknown): VmFault {
  try {
    action();
  } catch (error) {
    if (error instanceof VmFault) return error;
    throw error;
  }
  throw new Error("no fault");
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

describe("calls", () => {
  test.each([
    [
      "a function keeps r6..r9 of its caller and has its own frame",
      "r6 = 1\nr7 = 2\nr8 = 3\nr9 = 4\n*(u64 *)(r10 -8) = 5\ncall f\nr0 = *(u64 *)(r10 -8)\nr0 += r6\nr0 += r7\nr0 += r8\nr0 += r9\nexit\nf:\nr6 = 9\nr7 = 9\nr8 = 9\nr9 = 9\n*(u64 *)(r10 -8) = 9\nr0 = 0\nexit",
      15n,
    ],
    [
      "arguments pass in r1..r5, the result in r0",
      "r1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall f\nexit\nf:\nr0 = r1\nr0 += r2\nr0 += r3\nr0 += r4\nr0 += r5\nexit",
      15n,
    ],
    [
      "a callee reads its caller's stack through a pointer",
      "*(u64 *)(r10 -16) = 42\nr1 = r10\nr1 += -16\ncall f\nexit\nf:\nr0 = *(u64 *)(r1 +0)\nexit",
      42n,
    ],
    [
      "256 frames are there",
      "r1 = 255\ncall f\nexit\nf:\nr0 = 7\nif r1 == 0x1 goto done\nr1 -= 1\ncall f\ndone:\nexit",
      7n,
    ],
  ])("%s", (_title, text, result) => {
    expect(run(text)).toBe(result);
  });

  test("the 257th frame faults", () => {
    const fault = faultOf(() =>
      run("r1 = 256\ncall f\nexit\nf:\nif r1 == 0x1 goto done\nr1 -= 1\ncall f\ndone:\nr0 = 0\nexit"),
    );
    expect(fault.code).toBe("VM_FAULT_CALL_DEPTH");
    expect(fault.message).toContain("the call stack of 257 frames is too deep");
  });

  test("bpf_loop calls with index and context, and stops at a non-zero result", () => {
    const body = (nr: number, flags = 0): string =>
      `*(u64 *)(r10 -8) = 0\nr6 = 77\nr1 = ${nr}\nr2 = &f\nr3 = r10\nr3 += -8\nr4 = ${flags}\ncall bpf_loop\nr1 = *(u64 *)(r10 -8)\nr0 <<= 32\nr0 |= r1\nif r6 != 77 goto bad\nexit\nbad:\nr0 = -1\nexit\n` +
      "f:\nr6 = 1\nr3 = *(u64 *)(r2 +0)\nr3 += r1\n*(u64 *)(r2 +0) = r3\nr0 = 0\nif r1 != 9 goto +1\nr0 = 1\nexit";
    expect(run(body(5))).toBe((5n << 32n) | 10n);
    expect(run(body(1000))).toBe((10n << 32n) | 45n);
    expect(run(body(0))).toBe(0n);
    expect(BigInt.asIntN(32, run(body(5, 1)) >> 32n)).toBe(-22n);
    expect(BigInt.asIntN(32, run(body(8_388_609)) >> 32n)).toBe(-7n);
  });

  test("bpf_for_each_map_elem walks array and hash", () => {
    const text =
      "*(u64 *)(r10 -8) = 0\nr1 = map[m]\nr2 = &f\nr3 = r10\nr3 += -8\nr4 = 0\ncall bpf_for_each_map_elem\nr1 = *(u64 *)(r10 -8)\nr0 *= 1000\nr0 += r1\nexit\n" +
      "f:\nr5 = *(u32 *)(r2 +0)\nr3 = *(u32 *)(r3 +0)\nr3 *= r5\nr5 = *(u64 *)(r4 +0)\nr5 += r3\n*(u64 *)(r4 +0) = r5\nr0 = 0\nexit";
    for (const type of [BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH]) {
      const { vm, maps } = load(text, { maps: [mapSpec("m", type, [4, 4, 3])] });
      for (const key of [0, 1, 2]) maps[0].set(u32(key), u32(key + 5));
      vm.run(0);
      expect(vm.r0).toBe(3000n + 6n + 14n);
    }
  });

  test("number iterators run, refuse bad ranges and end", () => {
    const text = (start: number, end: number): string =>
      `r6 = 0\nr7 = 0\nr1 = r10\nr1 += -8\nr2 = ${start}\nr3 = ${end}\ncall bpf_iter_num_new\nr8 = r0\nl:\nr1 = r10\nr1 += -8\ncall bpf_iter_num_next\nif r0 == 0 goto out\nr1 = *(s32 *)(r0 +0)\nr6 += r1\nr7 += 1\ngoto l\nout:\nr1 = r10\nr1 += -8\ncall bpf_iter_num_destroy\nr0 = r8\nif r0 != 0 goto done\nr0 = r7\nr0 *= 1000\nr0 += r6\ndone:\nexit`;
    expect(run(text(0, 10))).toBe(10_045n);
    expect(run(text(-3, 2))).toBe(5000n - 5n);
    expect(run(text(5, 5))).toBe(0n);
    expect(run(text(6, 5))).toBe(-22n);
    expect(run(text(0, 8_388_609))).toBe(-7n);
    expect(run(text(-0x8000_0000, -0x7fff_fffe))).toBe(2000n - 0xffff_ffffn);
  });

  test("may_goto leaves after 8388608 passes", () => {
    expect(run("r0 = 0\nl:\nmay_goto +2\nr0 += 1\ngoto l\nexit")).toBe(8_388_608n);
  });
});

describe("helpers", () => {
  const map = (type: number, key_size = 4): Setup => ({ maps: [mapSpec("m", type, [key_size, 8, 2])] });
  const key = (value: number): string => `*(u32 *)(r10 -4) = ${value}\nr1 = map[m]\nr2 = r10\nr2 += -4\n`;
  const value = (n: number): string => `*(u64 *)(r10 -16) = ${n}\nr3 = r10\nr3 += -16\n`;

  test.each<[string, string, Setup, bigint]>([
    [
      "update and lookup",
      `${key(1)}${value(7)}r4 = 0\ncall bpf_map_update_elem\n${key(1)}call bpf_map_lookup_elem\nr0 = *(u64 *)(r0 +0)\nexit`,
      map(BPF_MAP_TYPE_ARRAY),
      7n,
    ],
    ["lookup out of range is NULL", `${key(2)}call bpf_map_lookup_elem\nexit`, map(BPF_MAP_TYPE_ARRAY), 0n],
    [
      "update out of range is -E2BIG",
      `${key(2)}${value(7)}r4 = 0\ncall bpf_map_update_elem\nexit`,
      map(BPF_MAP_TYPE_ARRAY),
      -7n,
    ],
    [
      "flags beyond 32 bits are -EINVAL",
      `${key(1)}${value(7)}r4 = 0x100000000\ncall bpf_map_update_elem\nexit`,
      map(BPF_MAP_TYPE_ARRAY),
      -22n,
    ],
    ["delete of a missing key is -ENOENT", `${key(1)}call bpf_map_delete_elem\nexit`, map(BPF_MAP_TYPE_HASH), -2n],
    [
      "a value can be written through its pointer",
      `${key(1)}${value(7)}r4 = 1\ncall bpf_map_update_elem\n${key(1)}call bpf_map_lookup_elem\n*(u64 *)(r0 +0) = 9\n${key(1)}call bpf_map_lookup_elem\nr0 = *(u64 *)(r0 +0)\nexit`,
      map(BPF_MAP_TYPE_HASH),
      9n,
    ],
    [
      "a map's value is directly addressable",
      "r1 = map[m][0]+4\n*(u32 *)(r1 +0) = 3\nr0 = *(u32 *)(r1 +0)\nexit",
      map(BPF_MAP_TYPE_ARRAY),
      3n,
    ],
    [
      "queues push and pop",
      "*(u64 *)(r10 -8) = 5\nr1 = map[m]\nr2 = r10\nr2 += -8\nr3 = 0\ncall bpf_map_push_elem\n*(u64 *)(r10 -8) = 0\nr1 = map[m]\nr2 = r10\nr2 += -8\ncall bpf_map_pop_elem\nr0 = *(u64 *)(r10 -8)\nexit",
      map(BPF_MAP_TYPE_QUEUE, 0),
      5n,
    ],
    [
      "time comes from the env",
      "call bpf_ktime_get_ns\nexit",
      { env: { ktimeNs: () => 0x1234_5678_9abc_def0n } },
      0x1234_5678_9abc_def0n,
    ],
    [
      "pid and tgid",
      "call bpf_get_current_pid_tgid\nexit",
      { env: { task: { pid: 3, tgid: 2, uid: 0, gid: 0, comm: "c" } } },
      (2n << 32n) | 3n,
    ],
    ["one CPU", "call bpf_get_smp_processor_id\nexit", {}, 0n],
    [
      "comm",
      "r1 = r10\nr1 += -16\nr2 = 4\ncall bpf_get_current_comm\nr0 = *(u32 *)(r10 -16)\nexit",
      { env: { task: { pid: 0, tgid: 0, uid: 0, gid: 0, comm: "abcdef" } } },
      0x0063_6261n,
    ],
    [
      "unreadable memory probes as -EFAULT",
      "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0xffff888000000000\ncall bpf_probe_read_kernel\nexit",
      {},
      -14n,
    ],
    [
      "a helper of the host takes precedence",
      "call bpf_get_smp_processor_id\nexit",
      { env: { helpers: { 8: { name: "x", params: [], result: "i32", call: () => 5 } } } },
      5n,
    ],
  ])("%s", (_title, text, setup, result) => {
    expect(run(text, setup)).toBe(result);
  });

  test("random numbers repeat with the seed", () => {
    const text = "call bpf_get_prandom_u32\nr6 = r0\ncall bpf_get_prandom_u32\nr6 <<= 32\nr0 |= r6\nexit";
    expect(run(text, { env: { seed: 5 } })).toBe(run(text, { env: { seed: 5 } }));
    expect(run(text, { env: { seed: 5 } })).not.toBe(run(text, { env: { seed: 6 } }));
  });

  test("every implemented helper has the kernel's number", () => {
    for (const [id, { name }] of HELPERS) expect([name, helperId(name)]).toEqual([name, id]);
  });

  test.each([
    ["call bpf_timer_init\nexit", "helper bpf_timer_init#169 is not supported here"],
    ["call bpf_send_signal\nexit", "helper bpf_send_signal#109 is not supported here"],
    ["call 9999\nexit", "there is no helper #9999"],
    ["call bpf_none\nexit", "kfunc bpf_none is not available here"],
    ["r1 = 8\nr2 = r10\ncall bpf_map_lookup_elem\nexit", "0x8 is not a map"],
    ["r1 = 1\nr2 = 0\nr3 = 0\nr4 = 0\ncall bpf_loop\nexit", "r2 is not a function of the program"],
  ])("%j: %s", (text, message) => {
    const fault = faultOf(() => run(text));
    expect(fault.code).toBe("VM_FAULT_HELPER");
    expect(fault.message).toContain(message);
  });

  test("printk formats as the kernel does", () => {
    const cases: [format: string, args: string[], text: string | number][] = [
      ["n=%d u=%u x=%x\\0", ["-5", "-5", "255"], "n=-5 u=4294967291 x=ff"],
      ["%lld %llu %llx\\0", ["-5", "-5", "-1"], "-5 18446744073709551611 ffffffffffffffff"],
      ["%5d|%-5d|%05d\\0", ["42", "42", "-42"], "   42|42   |-0042"],
      ["100%% %c%c\\0", ["65", "66"], "100% AB"],
      ["%#x %X %p\\0", ["255", "255", "4096"], "0xff FF 0000000000001000"],
      ["line\\n\\0", [], "line"],
      ["%d %d %d %d\\0", ["1", "2", "3"], -22],
      ["%f\\0", ["1"], -22],
      ["no end", [], -22],
    ];
    for (const [format, args, wanted] of cases) {
      const bytes = new TextEncoder().encode(format.replace("\\0", "\0").replace("\\n", "\n"));
      const lines: string[] = [];
      const memory = VmMemory.create();
      const at = memory.allocate("format", bytes.length);
      memory.u8.set(bytes, at);
      const set = args.map((arg, i) => `r${i + 3} = ${arg}`).join("\n");
      const result = run(`r1 = ${at}\nr2 = ${bytes.length}\n${set}\ncall bpf_trace_printk\nexit`, {
        memory,
        env: { printk: (line) => lines.push(line) },
      });
      if (typeof wanted === "number") expect([format, result, lines]).toEqual([format, BigInt(wanted), []]);
      else expect([format, lines]).toEqual([format, [wanted]]);
    }
  });

  test("vprintk takes its arguments from memory, strings too", () => {
    const lines: string[] = [];
    const memory = VmMemory.create();
    const format = memory.allocate("format", 9);
    memory.u8.set(new TextEncoder().encode("%s %lld!\0"), format);
    const word = memory.allocate("word", 4);
    memory.u8.set(new TextEncoder().encode("abc\0"), word);
    const text = `*(u64 *)(r10 -16) = ${word}\n*(u64 *)(r10 -8) = -2\nr1 = ${format}\nr2 = 9\nr3 = r10\nr3 += -16\nr4 = 16\ncall bpf_trace_vprintk\nexit`;
    expect(run(text, { memory, env: { printk: (line) => lines.push(line) } })).toBe(7n);
    expect(lines).toEqual(["abc -2!"]);
  });

  test("kfuncs of the host get numbers or bigints and give signed or unsigned results", () => {
    const seen: unknown[] = [];
    const own = (result: "i32" | "i64" | "void", signed: boolean, value: number | bigint): Setup => ({
      env: {
        kfuncs: {
          bpf_own: {
            name: "bpf_own",
            params: ["i32", "i64"],
            result,
            signed,
            call: (...args: never[]) => (seen.push(...args), value),
          },
        },
      },
    });
    const text = "r1 = -1\nr2 = -1\ncall bpf_own\nexit";
    expect(run(text, own("i32", true, -5))).toBe(-5n);
    expect(run(text, own("i32", false, -5))).toBe(0xffff_fffbn);
    expect(run(text, own("i64", false, 1n << 40n))).toBe(1n << 40n);
    expect(run(text, own("void", false, 9))).toBe(0n);
    expect(seen.slice(0, 2)).toEqual([-1, (1n << 64n) - 1n]);
    expect(run("call bpf_rcu_read_lock\nr0 = 4\nexit")).toBe(4n);
  });
});

describe("faults", () => {
  const memory = (): { memory: VmMemory; at: number; ro: number } => {
    const vm = VmMemory.create();
    return { memory: vm, at: vm.allocate("the region", 64), ro: vm.allocate("the constants", 16, { writable: false }) };
  };

  test.each<[string, (at: number, ro: number) => string, Partial<VmFault["facts"]>, string]>([
    ["NULL", () => "r1 = 0\nr0 = *(u64 *)(r1 +0)\nexit", { insn: 1, address: 0n, size: 8, write: false }, "NULL"],
    [
      "NULL with an offset",
      () => "r1 = 0\nr0 = *(u8 *)(r1 +16)\nexit",
      { insn: 1, address: 16n, size: 1 },
      "near NULL",
    ],
    [
      "past the end",
      (at) => `r1 = ${at}\nr0 = *(u32 *)(r1 +64)\nexit`,
      { insn: 1, size: 4 },
      "0 bytes past the end of the region",
    ],
    [
      "across the end",
      (at) => `r1 = ${at}\n*(u64 *)(r1 +60) = 1\nexit`,
      { insn: 1, size: 8, write: true },
      "the last 4 bytes of it lie past the end of the region",
    ],
    [
      "before the start",
      (at) => `r1 = ${at}\nr0 = *(u8 *)(r1 -1)\nexit`,
      { insn: 1 },
      "1 byte before the start of the region",
    ],
    [
      "a read-only place",
      (_at, ro) => `r1 = ${ro}\nr2 = 5\n*(u8 *)(r1 +0) = r2\nexit`,
      { insn: 2, write: true },
      "the constants is read-only",
    ],
    [
      "a wild address",
      () => "r1 = 0xdeadbeef00000000\nr0 = *(u16 *)(r1 +2)\nexit",
      { insn: 2, address: 0xdeadbeef00000002n },
      "the program's memory lies within",
    ],
    [
      "beyond 2 GiB",
      () => "r1 = 0x80000000\nr0 = *(u64 *)(r1 +0)\nexit",
      { insn: 2, address: 0x8000_0000n },
      "lies within",
    ],
    ["an address that wraps", () => "r1 = -1\nr0 = *(u64 *)(r1 +2)\nexit", { insn: 1, address: 1n }, "near NULL"],
    ["below the frame", () => "r0 = *(u64 *)(r10 -520)\nexit", { insn: 0 }, "8 bytes below the stack of this frame"],
    ["above the stack", () => "r0 = *(u64 *)(r10 +0)\nexit", { insn: 0 }, "0 bytes past the end of the stack"],
    ["half above the stack", () => "*(u64 *)(r10 -4) = 0\nexit", { insn: 0, write: true }, "the last 4 bytes of it"],
    [
      "a frame that is gone",
      () => "call f\nr0 = *(u64 *)(r0 +0)\nexit\nf:\nr0 = r10\nr0 += -8\nexit",
      { insn: 1 },
      "bytes below the stack of this frame",
    ],
    [
      "an unaligned atomic",
      (at) => `r1 = ${at + 4}\nr2 = 1\nlock *(u64 *)(r1 +0) += r2\nexit`,
      { insn: 2, size: 8 },
      "natural alignment",
    ],
    [
      "an atomic on a read-only place",
      (_at, ro) => `r1 = ${ro}\nr2 = 1\nlock *(u32 *)(r1 +0) += r2\nexit`,
      { insn: 2, write: true },
      "is read-only",
    ],
    [
      "a helper's argument",
      (at) => `r1 = ${at + 60}\nr2 = 8\nr3 = 0\ncall bpf_probe_read_kernel\nexit`,
      { insn: 3, size: 8, write: true },
      "the last 4 bytes of it lie past the end of the region",
    ],
    [
      "a helper's pointer of 64 bits",
      () => "r1 = -8\nr2 = 8\nr3 = 0\ncall bpf_probe_read_kernel\nexit",
      { insn: 3, address: 0xffff_ffff_ffff_fff8n },
      "lies within",
    ],
  ])("%s", (_title, text, facts, detail) => {
    const { memory: vm, at, ro } = memory();
    const fault = faultOf(() => run(text(at, ro), { memory: vm }));
    expect(fault.code).toBe("VM_FAULT_MEMORY");
    expect(fault.facts).toMatchObject({ kind: "memory" satisfies FaultKind, ...facts });
    expect(fault.message).toContain(detail);
  });

  test("an access allowed once is checked anew where the address differs, and after a segment is taken away", () => {
    const { memory: vm, at } = memory();
    const walk = load("l:\nr0 = *(u8 *)(r1 +0)\nr1 += 1\nr2 -= 1\nif r2 != 0 goto l\nexit", { memory: vm }).vm;
    expect(walk.run(at, 64)).toBe(0);
    expect(faultOf(() => walk.run(at, 65)).facts.address).toBe(BigInt(at + 64));
    vm.removeSegment(at);
    expect(faultOf(() => walk.run(at, 1)).facts.insn).toBe(0);
  });

  test("a fault names program, instruction and source line, and is plain data in JSON", () => {
    const vm = VmMemory.create();
    const line = { insn: 1, file: "nops.bpf.c", text: "  x = *p;", line: 12, column: 7 };
    const image = buildImage(
      { name: "step", insns: asm("r6 = 0\nr1 = *(u32 *)(r6 +8)\nexit"), subprogs: [], lines: [line], maps: [] },
      vm,
    );
    const fault = faultOf(() => new Interpreter(image, vm).run(0));
    expect(fault.message).toBe(
      "step, insn 1: (61) r1 = *(u32 *)(r6 +8), nops.bpf.c:12: x = *p;: invalid read of 4 bytes at 0x8: near NULL",
    );
    expect(JSON.parse(JSON.stringify(fault))).toMatchObject({
      code: "VM_FAULT_MEMORY",
      kind: "memory",
      insn: 1,
      address: "0x8",
      size: 4,
      line,
    });
  });

  test("the instruction budget ends an endless program, and is whole again in the next run", () => {
    const { vm } = load("if r1 == 1 goto +1\ngoto -1\nr0 = 3\nexit", { env: { maxInsns: 1000 } });
    for (let i = 0; i < 2; i++) {
      expect(faultOf(() => vm.run(0)).code).toBe("VM_FAULT_STEPS");
      expect(vm.run(1)).toBe(3);
    }
    const recursive = load("r1 = 8000000\nr2 = &f\nr3 = 0\nr4 = 0\ncall bpf_loop\nexit\nf:\nr0 = 0\nexit", {
      env: { maxInsns: 1000 },
    }).vm;
    expect(faultOf(() => recursive.run(0)).code).toBe("VM_FAULT_STEPS");
  });
});

describe("images", () => {
  test.each<[string, string, Setup, string]>([
    ["packet access", "r0 = *(u8 *)skb[4]\nexit", {}, "there is no packet to load from"],
    ["arena casts", "r1 = addr_space_cast(r1, 0, 1)\nexit", {}, "arena maps are not supported"],
    ["indirect jumps", "gotox r1\nexit", {}, "indirect jumps"],
    ["an unknown map", "r1 = map[idx:3]\nexit", {}, "no such map"],
    [
      "an offset beyond the value",
      "r1 = map[m][0]+8\nexit",
      { maps: [mapSpec("m", BPF_MAP_TYPE_ARRAY, [4, 8, 1])] },
      "beyond the map's value",
    ],
    ["a map by descriptor", "r1 = map[id:3]\nexit", {}, "by file descriptor"],
    ["an illegal encoding", "r10 = 1\nexit", {}, "frame pointer is read only"],
    ["an unsupported map type", "exit", { maps: [mapSpec("cpus", 16, [4, 4, 4])] }, "map type 16 is not supported"],
  ])("%s is refused", (_title, text, setup, message) => {
    expect(() => load(text, setup)).toThrow(VmError);
    expect(() => load(text, setup)).toThrow(message);
  });

  test("the programs of an object share its maps", () => {
    const memory = VmMemory.create();
    const maps = [mapSpec("m", BPF_MAP_TYPE_ARRAY, [4, 8, 1])];
    const source = (text: string): ImageSource => ({
      name: "p",
      insns: asm(text, { maps: ["m"] }),
      subprogs: [],
      lines: [],
      maps,
    });
    const first = buildImage(source("r1 = map[m][0]+0\n*(u64 *)(r1 +0) = 6\nr0 = 0\nexit"), memory);
    const second = buildImage(source("r1 = map[m][0]+0\nr0 = *(u64 *)(r1 +0)\nexit"), memory, first.maps);
    new Interpreter(first, memory).run(0);
    expect(new Interpreter(second, memory).run(0)).toBe(6);
  });

  test("an image crosses into a worker, which is ended from here while its map is read", async () => {
    const { image, maps, memory } = load(
      "r1 = map[m][0]+0\nl:\nr2 = *(u64 *)(r1 +0)\nr2 += 1\n*(u64 *)(r1 +0) = r2\ngoto l\nexit",
      {
        maps: [mapSpec("m", BPF_MAP_TYPE_ARRAY, [4, 8, 1])],
      },
    );
    // A worker that only holds the image: vitest's transforms do not reach workers, so that the program runs here.
    const worker = new Worker(
      "const { parentPort } = require('node:worker_threads'); parentPort.on('message', (image) => { new BigInt64Array(image.memory.buffer)[image.maps[0].values / 8] = 41n; parentPort.postMessage(image); })",
      { eval: true },
    );
    const back = await new Promise<typeof image>((resolve) => {
      worker.on("message", resolve);
      // oxlint-disable-next-line require-post-message-target-origin -- a thread has no origin
      worker.postMessage(image);
    });
    await worker.terminate();
    expect(maps[0].get(u32(0))).toEqual(new Uint8Array([41, 0, 0, 0, 0, 0, 0, 0]));
    const attached = VmMemory.attach(back.memory);
    const vm = new Interpreter(back, attached, { maxInsns: 1_000_000 });
    expect(faultOf(() => vm.run(0)).code).toBe("VM_FAULT_STEPS");
    memory.abort();
    expect(faultOf(() => vm.run(0)).code).toBe("VM_FAULT_ABORTED");
    memory.abort(false);
    expect(Number(new DataView(maps[0].get(u32(0))!.buffer).getBigUint64(0, true))).toBeGreaterThan(41);
  });

  test("the abort flag raised while a program runs ends it", () => {
    const { vm, memory } = load("call bpf_own\nl:\ngoto l\nexit", {
      env: { kfuncs: { bpf_own: { name: "bpf_own", params: [], result: "void", call: () => memory.abort() } } },
    });
    expect(faultOf(() => vm.run(0)).facts).toMatchObject({ kind: "aborted", insn: 1 });
  });

  test("memory that a host function makes grow is reachable at once", () => {
    const loaded = load("call bpf_own\n*(u64 *)(r0 +0) = 9\nr0 = *(u64 *)(r0 +0)\nexit", {
      env: {
        kfuncs: {
          bpf_own: {
            name: "bpf_own",
            params: [],
            result: "i32",
            call: () => loaded.memory.allocate("big", 8 << 20) + (7 << 20),
          },
        },
      },
    });
    expect(loaded.vm.run(0)).toBe(9);
  });
});

test("loads and stores of every size, signedness and place give back what was stored", () => {
  const sizes = [
    ["u8", 8],
    ["u16", 16],
    ["u32", 32],
    ["u64", 64],
    ["s8", 8],
    ["s16", 16],
    ["s32", 32],
  ] as const;
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      fc.constantFrom(...sizes),
      fc.integer({ min: 0, max: 9 }),
      fc.boolean(),
      (value, [type, bits], offset, onStack) => {
        const memory = VmMemory.create({ initial: 1 << 17 });
        const at = memory.allocate("x", 32);
        const place = onStack ? `(r10 ${-32 + offset})` : `(r1 +${offset})`;
        const text = `r1 = ${at}\nr2 = ${value} ll\n*(u${bits} *)${place} = r2\nr0 = *(${type} *)${place}\nexit`;
        const wanted = type.startsWith("s")
          ? BigInt.asIntN(bits, value)
          : BigInt.asIntN(64, BigInt.asUintN(bits, value));
        expect(run(text, { memory })).toBe(wanted);
      },
    ),
    { numRuns: 150 },
  );
});
