// What the JIT does beyond computing: faults, limits, calls out and back, what crosses threads. Each case also runs on the
// interpreter, whose facts are the ones to match.

import { describe, expect, it } from "vitest";
import { encode, insn, OP_TABLE, type Insn } from "../isa/index.ts";
import { Interpreter, openMap, VmError, VmFault, type Callee, type VmEnv } from "../vm/index.ts";
import { compile, instantiate, listing, slotAt } from "./index.ts";
import { load, MODES, results, world, type World } from "./harness.ts";

function fault(run: () => unknown): VmFault {
  try {
    run();
  } catch (error) {
    if (error instanceof VmFault) return error;
    throw error;
  }
  throw new Error("no fault");
}

describe("faults of checked code are the interpreter's", () => {
  const CASES: readonly (readonly [name: string, text: string, env: VmEnv])[] = [
    ["a load past the end", "r0 = *(u64 *)(r1 +57)\nexit", {}],
    ["a load from NULL", "r1 = 0\nr0 = *(u8 *)(r1 +8)\nexit", {}],
    ["an address of 64 bits", "r1 = -8 ll\nr0 = *(u32 *)(r1 +0)\nexit", {}],
    ["a store past the end", "*(u64 *)(r1 +64) = 1\nr0 = 0\nexit", {}],
    ["a store to a map's header", "r1 = map[idx:0]\n*(u32 *)(r1 +0) = 1\nr0 = 0\nexit", {}],
    ["a load below the frame", "r1 = r10\nr1 += -513\nr0 = *(u8 *)(r1 +0)\nexit", {}],
    ["a load above the stack", "r0 = *(u8 *)(r10 +0)\nexit", {}],
    ["an atomic out of bounds", "r2 = 1\nlock *(u64 *)(r1 +4096) += r2\nr0 = 0\nexit", {}],
    ["an atomic that is not aligned", "r2 = 1\nlock *(u32 *)(r1 +2) += r2\nr0 = 0\nexit", {}],
    ["a load-acquire that is not aligned", "r0 = load_acquire((u64 *)(r1 +4))\nexit", {}],
    ["recursion without end", "call pc+1\nexit\ncall pc-1\nexit", {}],
    ["a helper that does not exist", "call 60000\nexit", {}],
    ["a helper that is not there", "call 9\nexit", {}],
    ["a kfunc that is not there", "call loop_gone\nexit", {}],
    ["a key that cannot be read", "r1 = map[idx:1]\nr2 = 16\ncall 1\nexit", {}],
    ["a key of an array that cannot be read", "r1 = map[idx:0]\nr2 = 16\ncall 1\nexit", {}],
    ["a key that is no address", "r1 = map[idx:1]\nr2 = -1\ncall 1\nexit", {}],
    ["a map that is none", "r2 = r1\ncall 1\nexit", {}],
    ["a callback that is none", "r1 = 1\nr2 = 3\nr3 = 0\nr4 = 0\ncall 181\nexit", {}],
    ["an iterator that is no memory", "r1 = 8\nr2 = 0\nr3 = 4\ncall bpf_iter_num_new\nexit", {}],
    ["a loop without end", "goto -1\nexit", { maxInsns: 100_000 }],
  ];

  it.each(CASES)("%s", (_name, text, env) => {
    const [expected, found] = (["interpreter", "checked"] as const).map((mode) => {
      const here = world(text);
      return fault(() => load(here, mode, env).run(here.buffer, 64));
    });
    expect(found.toJSON()).toEqual(expected.toJSON());
    expect(found.message).toContain("insn");
  });

  it("a frame of a callee reaches up the stack and not down", () => {
    const text =
      "r1 = r10\nr1 += -8\n*(u64 *)(r1 +0) = 5\ncall pc+1\nexit\nr0 = *(u64 *)(r1 +0)\nr2 = r10\nr2 += -600\nr3 = *(u8 *)(r2 +0)\nexit";
    const [expected, found] = (["interpreter", "checked"] as const).map((mode) => {
      const here = world(text);
      return fault(() => load(here, mode).run(here.buffer)).toJSON();
    });
    expect(found).toEqual(expected);
    expect(found["insn"]).toBe(8);
  });

  it("a segment that is taken away is gone at once", () => {
    const here = world("r0 = *(u8 *)(r1 +0)\nexit");
    const executable = load(here, "checked");
    executable.run(here.buffer);
    here.memory.removeSegment(here.buffer);
    expect(fault(() => executable.run(here.buffer)).facts).toMatchObject({ kind: "memory", insn: 0 });
    here.memory.addSegment({ name: "again", start: here.buffer, end: here.buffer + 8, writable: false });
    executable.run(here.buffer);
    expect(fault(() => executable.run(here.buffer + 8)).facts.kind).toBe("memory");
  });
});

describe("traps of bare code become faults", () => {
  const FAR = "r1 = 0x7fff0000 ll\n";
  it.each([
    ["a load", `${FAR}r0 = *(u64 *)(r1 +8)\nexit`, { kind: "memory", insn: 2, write: false }],
    ["a store", `${FAR}r0 = 0\n*(u32 *)(r1 +8) = r0\nexit`, { kind: "memory", insn: 3, write: true }],
    [
      "an atomic",
      `${FAR}r0 = 0\nr0 = atomic_fetch_add((u64 *)(r1 +8), r0)\nexit`,
      { kind: "memory", insn: 3, write: true },
    ],
    ["in a function that is called", `call pc+1\nexit\n${FAR}r0 = *(u8 *)(r1 +0)\nexit`, { kind: "memory", insn: 4 }],
    [
      "an atomic that is not aligned",
      "r2 = 1\nlock *(u64 *)(r1 +4) += r2\nr0 = 0\nexit",
      { kind: "memory", insn: 1, detail: "an atomic operation needs natural alignment" },
    ],
    ["recursion without end", "call pc+1\nexit\ncall pc-1\nexit", { kind: "call-depth", insn: 2 }],
    ["a helper that is not there", "call 9\nexit", { kind: "helper", insn: 0 }],
  ] as const)("%s", (_name, text, facts) => {
    const here = world(text);
    const found = fault(() => load(here, "bare").run(here.buffer));
    expect(found.facts).toMatchObject(facts);
    expect(found.instruction).not.toBe("");
  });

  it("is a fault even when the engine gives no stack", () => {
    const { stackTraceLimit } = Error;
    try {
      Error.stackTraceLimit = 0;
      const found = fault(() => load(world(`${FAR}r0 = *(u64 *)(r1 +8)\nexit`), "bare").run(0));
      expect(found.facts).toMatchObject({ kind: "memory", insn: 0 });
      expect(found.message).toContain("stackTraceLimit");
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  });

  it("an error of the host's own passes unchanged", () => {
    const broken: Callee = {
      name: "loop_add",
      params: [],
      result: "void",
      call: () => {
        throw new TypeError("mine");
      },
    };
    for (const mode of MODES) {
      const here = world("call loop_add\nexit");
      expect(() => load(here, mode, { kfuncs: { loop_add: broken } }).run(0)).toThrow(TypeError);
    }
  });
});

describe("ending a run from outside", () => {
  it.each(MODES)("%s: the abort flag keeps it from starting", (mode) => {
    const here = world("r0 = 1\nexit");
    const executable = load(here, mode);
    here.memory.abort();
    expect(fault(() => executable.run(0)).facts.kind).toBe("aborted");
    here.memory.abort(false);
    expect(executable.run(0)).toBe(1);
  });

  // The kfunc stands for another thread: it raises the flag while the program runs.
  it.each([
    ["interpreter", "call loop_add\ngoto -1\nexit"],
    ["checked", "call loop_add\ngoto -1\nexit"],
    ["bare", "call loop_add\nr1 = 8388608\nr2 = &callback\nr3 = 0\nr4 = 0\ncall 181\nexit\ncallback:\nr0 = 0\nexit"],
  ] as const)("%s: it ends at the next turn", (mode, text) => {
    const here = world(text);
    const raise: Callee = { name: "loop_add", params: [], result: "void", call: () => here.memory.abort() };
    expect(fault(() => load(here, mode, { kfuncs: { loop_add: raise } }).run(0)).facts.kind).toBe("aborted");
  });
});

describe("calls", () => {
  it("pass numbers and bigints as their kinds say, in every register", () => {
    const seen: unknown[][] = [];
    const wide: Callee = {
      name: "loop_wide",
      params: ["i32", "i64", "i32", "i64", "i64"],
      result: "i64",
      call: (...args: unknown[]) => {
        seen.push(args);
        return -2n;
      },
    };
    const text = "r1 = -1\nr2 = -1\nr3 = 0x100000005 ll\nr4 = 4\nr5 = 0x8000000000000000 ll\ncall loop_wide\nexit";
    expect(results(text, { kfuncs: { loop_wide: wide } })).toEqual(MODES.map(() => 0xffff_ffff_ffff_fffen));
    for (const args of seen) expect(args).toEqual([-1, 0xffff_ffff_ffff_ffffn, 5, 4n, 0x8000_0000_0000_0000n]);
  });

  it.each([
    ["i32", true, 0xffff_ffff_ffff_ffffn],
    ["i32", false, 0xffff_ffffn],
    ["void", false, 0n],
  ] as const)("results of kind %s, signed: %s", (result, signed, r0) => {
    const callee: Callee = {
      name: "loop_add",
      params: ["i32"],
      result,
      signed,
      call: () => (result === "void" ? undefined : -1),
    };
    expect(results("r0 = 7\nr1 = 1\ncall loop_add\nexit", { kfuncs: { loop_add: callee } })).toEqual(
      MODES.map(() => r0),
    );
  });

  it("helpers of the host come before the VM's", () => {
    const callee: Callee = { name: "mine", params: [], result: "i32", call: () => 99 };
    expect(results("call 8\nexit", { helpers: { 8: callee } })).toEqual(MODES.map(() => 99n));
  });

  it("say what they lack when they were compiled for another host", () => {
    const here = world("r1 = 1\ncall loop_add\nexit");
    const callee: Callee = { name: "loop_add", params: ["i32"], result: "i32", call: () => 0 };
    const program = compile(here.image, { checked: false, kfuncs: { loop_add: callee } });
    expect(() => instantiate(program, new WebAssembly.Module(program.bytes), here.image, here.memory)).toThrow(VmError);
  });

  it("callx takes the helper's number from a register", () => {
    expect(results("r1 = 8\ncallx r1\nr0 += 3\nexit")).toEqual(MODES.map(() => 3n));
  });
});

describe("loops the kernel counts", () => {
  it("bpf_loop stops when its callback says so, and gives the number of turns", () => {
    const text =
      "r1 = 10\nr2 = &callback\nr3 = r10\nr3 += -8\nr4 = 0\ncall 181\nexit\ncallback:\nr0 = 0\nif r1 < 6 goto +1\nr0 = 1\nexit";
    expect(results(text)).toEqual(MODES.map(() => 7n));
  });

  it.each([
    ["flags", "r1 = 10\nr2 = &callback\nr3 = 0\nr4 = 1\ncall 181\nexit\ncallback:\nr0 = 0\nexit", -22n],
    [
      "too many turns",
      "r1 = 8388609\nr2 = &callback\nr3 = 0\nr4 = 0\ncall 181\nexit\ncallback:\nr0 = 0\nexit",
      0xffff_fff9n,
    ],
  ])("bpf_loop refuses %s", (_name, text, errno) => {
    expect(results(text)).toEqual(MODES.map(() => BigInt.asUintN(64, errno)));
  });

  it("a callback that only a register knows is found", () => {
    const text =
      "r6 = &callback\nr1 = 3\nif r1 > 2 goto next\nnext:\nr2 = r6\nr3 = 5\nr4 = 0\ncall 181\nexit\ncallback:\nr0 = 0\nexit";
    expect(results(text)).toEqual(MODES.map(() => 3n));
  });

  it("bpf_for_each_map_elem calls back with key, value and context", () => {
    // The callback adds the value to what the context points to.
    const text = `
      r6 = r10
      r6 += -8
      *(u64 *)(r6 +0) = 0
      r1 = map[idx:0]
      r2 = &callback
      r3 = r6
      r4 = 0
      call 164
      r0 <<= 32
      r1 = *(u64 *)(r6 +0)
      r0 |= r1
      exit
      callback:
      r5 = *(u64 *)(r3 +0)
      r0 = *(u64 *)(r4 +0)
      r0 += r5
      *(u64 *)(r4 +0) = r0
      r0 = 0
      exit`;
    for (const mode of MODES) {
      const here = world(text);
      const map = openMap(here.image.maps[0], here.memory);
      for (const [index, value] of [3, 4, 5].entries())
        map.set(Uint8Array.of(index, 0, 0, 0), Uint8Array.of(value, 0, 0, 0, 0, 0, 0, 0));
      const executable = load(here, mode);
      executable.run(0);
      expect(executable.r0).toBe((3n << 32n) | 12n);
    }
  });

  it("may_goto gives up after as many turns in every engine", () => {
    expect(results("r0 = 0\nmay_goto +2\nr0 += 1\ngoto -3\nexit")).toEqual(MODES.map(() => 8_388_608n));
  });

  it("number iterators count", () => {
    const at = "r1 = r10\nr1 += -8\n";
    const text = `${at}r2 = 3\nr3 = 7\ncall bpf_iter_num_new\nr6 = 0\n${at}call bpf_iter_num_next\nif r0 == 0 goto +3\nr1 = *(s32 *)(r0 +0)\nr6 += r1\ngoto -7\n${at}call bpf_iter_num_destroy\nr0 = r6\nexit`;
    expect(results(text)).toEqual(MODES.map(() => 18n));
  });
});

describe("maps", () => {
  it.each([0, 1, 2, 3, -1])("an array's element %i", (index) => {
    const text = `*(u32 *)(r10 -4) = ${index}\nr2 = r10\nr2 += -4\nr1 = map[idx:0]\ncall 1\nexit`;
    const [interpreter, ...others] = results(text);
    expect(others).toEqual([interpreter, interpreter]);
    expect(interpreter === 0n).toBe(index < 0 || index > 2);
  });

  it("a hash's entries come and go", () => {
    const key = "r2 = r10\nr2 += -4\nr1 = map[idx:1]\n";
    const text = `*(u32 *)(r10 -4) = 77\n*(u64 *)(r10 -16) = 5\n${key}r3 = r10\nr3 += -16\nr4 = 0\ncall 2\n${key}call 1\nif r0 == 0 goto +7\nr6 = *(u64 *)(r0 +0)\n${key}call 3\nr0 += r6\nexit`;
    expect(results(text)).toEqual(MODES.map(() => 5n));
  });
});

describe("a compiled program", () => {
  const text = "r0 = *(u32 *)(r1 +4)\nif r0 s> 5 goto +1\nr0 += 1\nexit";

  it("is the same bytes every time, and survives being cloned", () => {
    const here = world(text);
    const program = compile(here.image, { checked: true });
    expect(compile(here.image, { checked: true }).bytes).toEqual(program.bytes);
    const clone = structuredClone(program);
    const executable = instantiate(clone, new WebAssembly.Module(clone.bytes), here.image, here.memory);
    here.memory.view.setUint32(here.buffer + 4, 3, true);
    expect(executable.run(here.buffer)).toBe(4);
  });

  it("maps its loads back to their instructions", () => {
    const here = world(text);
    const { sourceMap } = compile(here.image, { checked: false, listing: true });
    expect(new Set(sourceMap.slots)).toEqual(new Set([0, 1, 2, 3]));
    expect(slotAt(sourceMap, sourceMap.offsets[0] - 1)).toBeUndefined();
    expect(slotAt(sourceMap, 1 << 30)).toBe(3);
  });

  it("can be read beside its BPF", () => {
    const lines = listing(world(text).image, { checked: false });
    const at = lines.findIndex((line) => line.includes(";; 0: (61) r0 = *(u32 *)(r1 +4)"));
    expect(lines.slice(at, at + 4).map((line) => line.trim())).toContain("i64.load32_u offset=4 align=1");
    expect(lines[0]).toMatch(/^\(func /);
  });

  it("keeps what is only an address or 32 bits wide in i32 locals", () => {
    const lines = listing(world("r0 = *(u32 *)(r1 +0)\nr1 += 4\nr2 = *(u32 *)(r1 +0)\nw0 += w2\nexit").image, {
      checked: false,
    });
    const main = lines.slice(0, lines.indexOf(")"));
    expect(main[0]).toMatch(/^\(func \$test \(param i32 i32\) \(result i64\)/);
    expect(main.filter((line) => line.includes("i64.") && !line.includes("i64.extend_i32_u"))).toEqual([]);
  });

  it("has no dispatcher for what clang writes", () => {
    const loops = "r0 = 0\nr2 = 10\nr0 += r2\nr2 += -1\nif r2 != 0 goto -3\nif r0 > 50 goto +1\nr0 = 1\nexit";
    expect(listing(world(loops).image, { checked: false }).some((line) => line.includes("br_table"))).toBe(false);
    const crossed = "r0 = 0\nr2 = 9\nif r1 == 0 goto +1\nr0 += 1\nr2 += -1\nif r2 != 0 goto -3\nexit";
    expect(listing(world(crossed).image, { checked: false }).some((line) => line.includes("br_table"))).toBe(true);
    const here = world(crossed);
    expect(encode(here.image.insns).length).toBe(here.image.insns.length * 8);
  });
});

describe("every jump, in every place it can be written", () => {
  const VALUES = [
    0n,
    1n,
    2n,
    0x7fff_ffffn,
    0x8000_0000n,
    0xffff_ffffn,
    1n << 32n,
    (1n << 63n) - 1n,
    1n << 63n,
    (1n << 64n) - 1n,
  ];
  const JUMPS = OP_TABLE.filter((row) => row.format === "jump_x" || row.format === "jump_k");
  // 64-bit loads, and 32-bit ones whose values are known to be zero-extended.
  const LOADS = [insn(0x79, 2, 1, 0, 0), insn(0x79, 3, 1, 8, 0), insn(0xb7, 0, 0, 0, 1)];
  const SMALL_LOADS = [insn(0x61, 2, 1, 0, 0), insn(0x61, 3, 1, 8, 0)];
  const [EXIT, TWO] = [insn(0x95, 0, 0, 0, 0), insn(0xb7, 0, 0, 0, 2)];
  // Where the ways lead: both only here; the way on from elsewhere too; the jump from elsewhere too; both to one place over a move.
  const SHAPES: readonly (readonly [string, (jump: (off: number) => Insn) => readonly Insn[]])[] = [
    ["both ways inline", (jump) => [...LOADS, jump(1), EXIT, TWO, EXIT]],
    ["the way on is shared", (jump) => [...LOADS, insn(0x15, 1, 0, 1, 0), jump(1), EXIT, TWO, EXIT]],
    ["the jump is shared", (jump) => [...LOADS, insn(0x15, 1, 0, 2, 0), jump(1), EXIT, TWO, EXIT]],
    ["a move is skipped", (jump) => [...LOADS, jump(1), TWO, EXIT]],
    [
      "it goes back once",
      (jump) => [
        ...LOADS,
        insn(0xb7, 4, 0, 0, 0),
        insn(0x55, 4, 0, 3, 0),
        insn(0x07, 4, 0, 0, 1),
        jump(-3),
        EXIT,
        TWO,
        EXIT,
      ],
    ],
  ];

  const CASES = SHAPES.flatMap(([name, shape]) => [[name, "u64", shape] as const, [name, "u32", shape] as const]);
  it.each(CASES)("%s, of %s", (_name, type, shape) => {
    const here = world("exit");
    for (const row of JUMPS) {
      const small = row.source === "K" ? [0, 1, -1, 0x7fff_ffff] : [0];
      for (const imm of small) {
        const whole = shape((off) => insn(row.code, 2, row.source === "X" ? 3 : 0, off, imm));
        const insns = type === "u32" ? [...SMALL_LOADS, ...whole.slice(2)] : whole;
        const there: World = { ...here, image: { ...here.image, insns, starts: [0] } };
        const [interpreter, ...others] = MODES.map((mode) => load(there, mode));
        for (const a of VALUES) {
          for (const b of row.source === "X" ? VALUES : [0n]) {
            here.memory.view.setBigUint64(here.buffer, a, true);
            here.memory.view.setBigUint64(here.buffer + 8, b, true);
            const expected = interpreter.run(here.buffer);
            const found = others.map((executable) => executable.run(here.buffer));
            if (found.some((r0) => r0 !== expected))
              expect.fail(
                `${row.symbol} ${row.width} ${row.source} imm ${imm}: ${a}, ${b} gives ${found.join(" ")}, not ${expected}`,
              );
          }
        }
      }
    }
  });
});

describe("runs in a row", () => {
  // the program adds its step to the word at r1 and stops at the fifth
  const PROGRAM = "r2 = *(u32 *)(r1 + 0); r2 += 1; *(u32 *)(r1 + 0) = r2; r0 = 0; if r2 != 5 goto +1; r0 = 7; exit";
  const repeating = (mode: "bare" | "checked") => {
    const here = world(PROGRAM.replaceAll("; ", "\n"));
    const [count, reached, target, flags] = [0, 1, 2, 3].map(() => here.memory.allocate("a word", 8)) as [
      number,
      number,
      number,
      number,
    ];
    const program = compile(here.image, {
      checked: mode === "checked",
      repeat: { count, reached, target, flags, mask: 6 },
    });
    const executable = instantiate(program, new WebAssembly.Module(program.bytes), here.image, here.memory);
    const { view } = here.memory;
    return {
      run: (limit: number) => [executable.repeat!(here.buffer, limit), Number(view.getBigUint64(count, true))],
      set: (name: "count" | "reached" | "target" | "flags", value: number) =>
        view.setUint32({ count, reached, target, flags }[name], value, true),
    };
  };

  it.each(["bare", "checked"] as const)("end at the limit or with a result, and are counted (%s)", (mode) => {
    const { run, set } = repeating(mode);
    set("count", 0xffff_fffe);
    expect(run(1)).toEqual([0, 0xffff_ffff]);
    expect(run(3)).toEqual([0, 0x1_0000_0002]);
    expect(run(3)).toEqual([7, 0x1_0000_0003]);
    expect(run(2)).toEqual([0, 0x1_0000_0005]);
  });

  it.each([
    // reached, target, flags, runs of ten
    [5, 5, 0, 4],
    [6, 5, 1, 4],
    [4, 5, 0, 1],
    [5, 5, 2, 1],
    [5, 5, 4, 1],
    [2, 0xffff_ffff, 0, 4],
    [0xffff_ffff, 2, 0, 1],
  ])("go on with %i reached of %i and flags %i: %i", (reached, target, flags, runs) => {
    const { run, set } = repeating("bare");
    run(1);
    set("count", 0);
    for (const [name, value] of Object.entries({ reached, target, flags })) set(name as "flags", value);
    expect(run(10)[1]).toBe(runs);
  });

  it("are not offered with a budget, which is for each run", () => {
    const here = world(PROGRAM.replaceAll("; ", "\n"));
    const place = { count: here.buffer, reached: here.buffer, target: here.buffer, flags: here.buffer, mask: 1 };
    const program = compile(here.image, { checked: true, repeat: place });
    const module = new WebAssembly.Module(program.bytes);
    expect(instantiate(program, module, here.image, here.memory, { maxInsns: 9 }).repeat).toBeUndefined();
  });
});

describe("a kfunc that is a table", () => {
  const ROWS = [
    { first: 64, second: 1, atMost: 4096, value: 111 },
    { first: 64, second: 2, atMost: 0, value: 222 },
  ];
  it.each([
    [64, 1, 4096, 111],
    [64, 1, 4097, 0],
    [64, 1, -1, 0],
    [65, 1, 0, 0],
    [64, 2, 0, 222],
    [64, 3, 0, 0],
  ])("gives for (%i, %i, %i): %i, however its arguments come", (first, second, third, expected) => {
    const table: Callee = {
      name: "loop_add",
      params: ["i32", "i32", "i32"],
      result: "i32",
      call: () => -1,
      table: ROWS,
    };
    const known = `r1 = ${first}\nr2 = ${second}\nr3 = ${third}\ncall loop_add\nexit`;
    const unknown = `r6 = r1\nr1 = *(u32 *)(r6 + 0)\nr2 = *(u32 *)(r6 + 4)\nr3 = *(u32 *)(r6 + 8)\ncall loop_add\nexit`;
    for (const text of [known, unknown]) {
      for (const checked of [true, false]) {
        const { memory, image, buffer } = world(text);
        for (const [i, value] of [first, second, third].entries()) memory.view.setInt32(buffer + i * 4, value, true);
        const env = { kfuncs: { loop_add: table } };
        const program = compile(image, { checked, ...env });
        const executable = instantiate(program, new WebAssembly.Module(program.bytes), image, memory, env);
        expect(executable.run(buffer)).toBe(expected);
      }
    }
  });
});

describe("stores side by side", () => {
  it.each([
    ["r1", 0, 8],
    ["r1", 8, 0],
    ["r10", -16, -8],
    ["r10", -8, -16],
    ["r1", 0, 16],
    ["r1", 4, 12],
  ])("from %s at %i and %i leave what they leave one by one", (base, first, second) => {
    const at = (off: number): string => `*(u64 *)(${base} ${off < 0 ? "-" : "+"} ${Math.abs(off)})`;
    const text = `r6 = 0x1122334455667788 ll\n${at(first)} = r6\n${at(second)} = r6\n${at(first)} = r6\nr0 = 0\nexit`;
    const bytes = MODES.map((mode) => {
      const here = world(text);
      const { memory, image, buffer } = here;
      if (mode === "interpreter") new Interpreter(image, memory).run(buffer);
      else {
        const program = compile(image, { checked: mode === "checked" });
        instantiate(program, new WebAssembly.Module(program.bytes), image, memory).run(buffer);
      }
      const { end } = image.stack;
      return [...memory.u8.slice(buffer, buffer + 64), ...memory.u8.slice(end - 64, end)];
    });
    expect(bytes[1]).toEqual(bytes[0]);
    expect(bytes[2]).toEqual(bytes[0]);
  });
});

describe("a result of 64 bits", () => {
  const CALLEE = "r0 = 0x500000007 ll\nexit";
  it.each([
    ["read at once", `call pc+2\nr0 >>= 32\nexit\n${CALLEE}`],
    ["read in a later block", `call pc+4\nif r6 == 1 goto +1\nr6 = 0\nr0 >>= 32\nexit\n${CALLEE}`],
    ["given on", `call pc+3\nif r6 == 1 goto +0\nr6 = 0\nexit\n${CALLEE}`],
    [
      "replaced on one of two ways",
      `r6 = *(u8 *)(r1 +0)\ncall pc+4\nif r6 == 0 goto +1\nr0 = 9\nr0 >>= 32\nexit\n${CALLEE}`,
    ],
    ["read after one of two calls", `call pc+4\nr0 = 0\ncall pc+2\nr0 >>= 32\nexit\n${CALLEE}`],
    [
      "read by bpf_loop, which finds the function when it runs",
      "r6 = &callback\nr1 = 3\nif r1 > 2 goto next\nnext:\nr2 = r6\nr1 = 9\nr3 = 0\nr4 = 0\ncall 181\nexit\ncallback:\nr0 = 0x500000000 ll\nexit",
    ],
    [
      "read by bpf_loop",
      "r1 = 9\nr2 = &callback\nr3 = 0\nr4 = 0\ncall 181\nexit\ncallback:\nr0 = 0x500000000 ll\nexit",
    ],
    ["that nobody reads", `call pc+2\nr0 = 3\nexit\n${CALLEE}`],
  ])("%s is what it was", (_name, text) => {
    const found = results(text);
    expect(found[1]).toBe(found[0]);
    expect(found[2]).toBe(found[0]);
  });

  it("that nobody reads is computed in 32", () => {
    const lines = (text: string): string[] => listing(world(text).image, { checked: false });
    const narrow = (text: string): boolean => !lines(text).some((line) => line.includes("i64.add"));
    const callee = "r0 = r1\nr0 += r2\nr0 += 1\nexit";
    expect(narrow(`r2 = 1\ncall pc+2\nr0 = 3\nexit\n${callee}`)).toBe(true);
    expect(narrow(`r2 = 1\ncall pc+2\nr0 += 3\nexit\n${callee}`)).toBe(false);
  });
});
