// Opening and resolving: the same source from several compilers, plain and linked, must give the same facts.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { addIoUring, fixture, ioUringTarget, LOOPS } from "../../../testdata/elf/fixtures.ts";
import { LoopstepError } from "../../base/index.ts";
import { Btf, BtfBuilder } from "../btf/index.ts";
import { callKind, isLdImm64 } from "../isa/index.ts";
import { BpfObject } from "./object.ts";
import { sectionKind, PROG_TYPES } from "./program-types.ts";
import { KFUNC_POISON } from "./resolve.ts";

const target = ioUringTarget();

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof LoopstepError) return error.code;
    throw error;
  }
  return "no error";
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return String(error);
  }
  return "no error";
}

describe.each(LOOPS)("%s", (name) => {
  const object = BpfObject.open(fixture(name), { name: `dir/${name}.bpf.o` });

  test("programs", () => {
    expect(object.license).toBe("GPL");
    expect(object.programs).toMatchObject([
      { name: "step", section: "struct_ops.s/step", type: 27, sleepable: true, autoload: true },
      { name: "other", section: "struct_ops/other", type: 27, sleepable: false, autoload: false },
    ]);
    for (const program of object.programs) expect(object.btf.nameOf(program.type_id)).toBe(program.name);
  });

  test("maps", () => {
    expect(
      object.maps.map(({ name, type, key_size, value_size, max_entries, map_flags }) => [
        name,
        type,
        key_size,
        value_size,
        max_entries,
        map_flags,
      ]),
    ).toEqual([
      ["slots", 2, 4, 32, 4, 0],
      ["table", 1, 8, 12, 16, 1],
      ["loop.data", 2, 4, 104, 1, 1024],
      ["loop.rodata", 2, 4, 16, 1, 1152],
      [".data.custom", 2, 4, 4, 1, 1024],
      ["loop.bss", 2, 4, 44, 1, 1024],
    ]);
    expect(object.btf.resolved(object.maps[0].btf_value_type_id)).toMatchObject({ kind: "STRUCT", name: "point" });
    expect(object.maps[3].frozen).toBe(true);
  });

  test("struct_ops", () => {
    expect(object.structOps).toMatchObject([
      {
        name: "loop_ops",
        type_name: "io_uring_bpf_ops",
        programs: { loop_step: "step" },
        link: true,
        autocreate: true,
      },
      { name: "other_ops", programs: { loop_step: "other" }, link: false },
    ]);
    const resolved = object.resolveStructOps("loop_ops", { target });
    expect(resolved).toMatchObject({ type_name: "io_uring_bpf_ops", link: true });
    expect(resolved.programs).toEqual([{ member: "loop_step", index: 0, offset: 0, program: "step" }]);
    expect(resolved.data.length).toBe(24);
    expect(resolved.data[8]).toBe(3);
  });

  test("externs", () => {
    expect(object.externs).toMatchObject([
      { name: "bpf_io_uring_get_region", kind: "func", weak: false },
      { name: "bpf_io_uring_submit_sqes", kind: "func", weak: true },
      { name: "bpf_loopstep_absent", kind: "func", weak: true },
    ]);
  });

  test("globals", () => {
    const byName = new Map(object.globals.map((spec) => [spec.name, spec]));
    expect(byName.get("g_point")).toMatchObject({ section: ".data", size: 32, type: "struct point" });
    expect(byName.get("g_array")!.type).toBe("u32[3]");
    expect(byName.get("c_limit")).toMatchObject({ constant: true, type: "const volatile u32" });
    expect(byName.get("g_static")).toMatchObject({ local: true });
    expect(byName.get("g_hidden")).toMatchObject({ local: true });
    expect(object.values.values()).toMatchObject({
      g_u8: 1,
      g_s8: -2,
      g_u16: 3,
      g_s16: -4,
      g_u32: 5,
      g_s32: -6,
      g_u64: 0xffff_ffff_ffff_ffffn,
      g_s64: -8n,
      g_bool: true,
      g_color: 2,
      g_array: [7, 8, 9],
      g_static: 10,
      g_hidden: 11,
      c_limit: 12,
      c_wide: 13n,
      d_custom: 14,
      g_zeroes: [0n, 0n, 0n, 0n],
      g_point: {
        x: 1,
        y: -1,
        low: 2,
        high: 3,
        all: 0x3_0000_0002n,
        flags: 5,
        mode: 17,
        next: 0n,
        tag: [116, 97, 103, 0],
      },
    });
  });

  test("the resolved program calls what its source calls", () => {
    const program = object.resolve("step", { target });
    expect(program.subprogs.map((subprog) => [subprog.name, subprog.global])).toEqual([
      ["step", true],
      ["visit", false],
      ["twice", false],
      ["global_sum", true],
      ["hidden_sum", false],
    ]);
    const starts = new Map(program.subprogs.map((subprog) => [subprog.start, subprog.name]));
    const calls: string[] = [];
    const data: string[] = [];
    for (const [at, insn] of program.insns.entries()) {
      const kind = callKind(insn);
      if (kind === "kfunc") calls.push(target.nameOf(insn.imm));
      else if (kind === "subprog") calls.push(starts.get(at + insn.imm + 1) ?? "nowhere");
      else if (insn.code === 0x85) calls.push(`#${insn.imm}`);
      if (!isLdImm64(insn)) continue;
      const second = program.insns[at + 1].imm;
      if (insn.src_reg === 4) data.push(`&${starts.get(at + insn.imm + 1)}`);
      else if (insn.src_reg === 5) data.push(object.maps[insn.imm].name);
      else if (insn.src_reg === 6) {
        const spec = object.globals.find(({ map, offset }) => map === insn.imm && offset === second);
        data.push(spec?.name ?? "nowhere");
      } else if (insn.src_reg === 3) data.push(target.nameOf(insn.imm));
      else data.push(`${insn.imm}`);
    }
    expect(calls).toEqual([
      "#1",
      "#181",
      "bpf_io_uring_get_region",
      `#${KFUNC_POISON + 2}`,
      "bpf_io_uring_submit_sqes",
      "global_sum",
      "hidden_sum",
      "twice",
      "twice",
    ]);
    expect(data).toEqual([
      "slots",
      "c_limit",
      "&visit",
      "0",
      "bpf_io_uring_submit_sqes",
      "g_u64",
      "c_wide",
      "g_zeroes",
      "d_custom",
      "g_array",
      "g_zero",
      "g_static_zero",
      "g_static",
      "g_hidden",
      "g_u32",
    ]);
  });

  test("lines lead back to the source", () => {
    const program = object.resolve("step", { target });
    const call = program.insns.findIndex((insn) => insn.code === 0x85 && insn.imm === 181);
    const line = program.lines.filter(({ insn }) => insn <= call).at(-1)!;
    expect(line.text).toContain("bpf_loop(4, visit, &sum, 0)");
    expect(line.file).toMatch(/loop\.bpf\.c$/);
    const visit = program.subprogs[1];
    expect(
      program.lines
        .filter(({ insn }) => insn >= visit.start && insn < program.subprogs[2].start)
        .map(({ text }) => text.trim()),
    ).toContain("*sum += twice(i);");
  });
});

test("maps of maps and of programs", () => {
  const { maps } = BpfObject.open(fixture("maps.clang19.v3"), { name: "maps" });
  expect(maps).toMatchObject([
    { name: "inner", type: 2, value_size: 8 },
    {
      name: "outer",
      type: 12,
      key_size: 4,
      value_size: 4,
      max_entries: 4,
      inner: { type: 2, value_size: 8, max_entries: 1 },
    },
    { name: "tails", type: 3, max_entries: 3, pinning: 1, numa_node: 2 },
    { name: "far", type: 33, max_entries: 100, map_extra: 0x1_0000_0000n },
  ]);
  expect(maps.map(({ values }) => values)).toEqual([
    undefined,
    [undefined, "inner"],
    ["filter", undefined, "filter"],
    undefined,
  ]);
});

describe("values of globals", () => {
  const open = (): BpfObject => BpfObject.open(fixture("loop.clang19.v4"), { name: "loop" });

  test.each([
    ["g_u8", 255],
    ["g_s8", -128],
    ["g_u16", 65535],
    ["g_s16", -32768],
    ["g_u32", 0xffff_ffff],
    ["g_s32", -0x8000_0000],
    ["g_u64", 2n ** 63n],
    ["g_s64", -(2n ** 63n)],
    ["g_bool", false],
    ["g_color", -1],
    ["g_array", [1, 2, 3]],
    ["g_text", [104, 105, 0, 0, 0, 0, 0, 0]],
    ["g_zeroes", [1n, 2n, 3n, 4n]],
  ])("%s takes its extremes", (name, value) => {
    const object = open();
    object.values.set(name, value);
    expect(object.values.get(name)).toEqual(value);
    expect(open().values.get(name)).not.toEqual(value);
  });

  test("names, text, numbers for bigints and parts of structs are taken too", () => {
    const { values } = open();
    values.set("g_color", "DARK");
    values.set("g_text", "hello");
    values.set("g_u64", 7);
    values.set("g_point", { y: 5, low: 9, flags: 2, next: 0x1000n });
    expect(values.get("g_color")).toBe(-1);
    expect(values.get("g_text")).toEqual([104, 101, 108, 108, 111, 0, 0, 0]);
    expect(values.get("g_u64")).toBe(7n);
    expect(values.get("g_point")).toMatchObject({ x: 1, y: 5, low: 9, high: 3, flags: 2, mode: 17, next: 0x1000n });
  });

  test.each([
    ["g_u8", 256, "BTF_RANGE"],
    ["g_u8", -1, "BTF_RANGE"],
    ["g_s8", 128, "BTF_RANGE"],
    ["g_u64", -1n, "BTF_RANGE"],
    ["g_u64", 2n ** 64n, "BTF_RANGE"],
    ["g_u32", 1.5, "BTF_VALUE"],
    ["g_u64", 2 ** 60, "BTF_VALUE"],
    ["g_u32", "x", "BTF_VALUE"],
    ["g_bool", 2, "BTF_VALUE"],
    ["g_color", "BLUE", "BTF_VALUE"],
    ["g_array", [1, 2], "BTF_VALUE"],
    ["g_array", 1, "BTF_VALUE"],
    ["g_text", "much too long", "BTF_VALUE"],
    ["g_point", 1, "BTF_VALUE"],
    ["g_point", { z: 1 }, "BTF_VALUE"],
    ["g_point", { flags: 8 }, "BTF_RANGE"],
  ])("%s refuses %o", (name, value, code) => {
    const { values } = open();
    const before = values.get(name);
    expect(codeOf(() => values.set(name, value))).toBe(code);
    expect(values.get(name)).toEqual(before);
  });

  test("a write that fails halfway leaves nothing behind", () => {
    const { values } = open();
    expect(codeOf(() => values.set("g_array", [1, 2, -1]))).toBe("BTF_RANGE");
    expect(values.get("g_array")).toEqual([7, 8, 9]);
  });

  test("as properties, and an unknown one names the nearest", () => {
    const object = open();
    object.bss["g_zero"] = 5n;
    object.data["g_u32"] = 6;
    expect(object.bss["g_zero"]).toBe(5n);
    expect(Object.keys(object.rodata)).toEqual(["c_limit", "c_wide"]);
    expect(() => object.bss["g_zeros"]).toThrow(/Did you mean "g_zeroes"/);
    expect(() => (object.bss["g_zeros"] = 1)).toThrow(/Did you mean "g_zeroes"/);
    expect(codeOf(() => object.values.get("nothing_like_it"))).toBe("OBJECT_NAME");
  });
});

describe("what does not fit", () => {
  const open = (name: string): BpfObject => BpfObject.open(fixture(name), { name });

  test("an unknown strong kfunc names the nearest", () => {
    const message = messageOf(() => open("strong.clang19.v3").resolve("step", { target }));
    expect(message).toMatch(/OBJECT|ObjectError/);
    expect(message).toContain('Did you mean "bpf_io_uring_submit_sqes"?');
  });

  test("a kfunc with another prototype", () => {
    const b = new BtfBuilder();
    const int = b.addInt("int", 4);
    b.addFunc("bpf_io_uring_get_region", b.addFuncProto(int, []));
    expect(codeOf(() => open("loop.clang19.v4").resolve("step", { target: b.build() }))).toBe("OBJECT_KFUNC");
  });

  test("a kernel variable the target lacks, and one without a type", () => {
    const ksyms = BpfObject.open(readFileSync(path.join(import.meta.dirname, "../../../testdata/loops/ksyms.bpf.o")));
    expect(codeOf(() => ksyms.resolve("typed", { target }))).toBe("OBJECT_KSYM");
    expect(messageOf(() => ksyms.resolve("typed", { target }))).toContain("no such kernel variable");
    expect(codeOf(() => ksyms.resolve("untyped", { target }))).toBe("OBJECT_KSYM");
    expect(messageOf(() => ksyms.resolve("untyped", { target }))).toContain("Declare a variable with its type");
    expect(ksyms.resolve("weak", { target }).insns.length).toBeGreaterThan(0);
  });

  test("two struct_ops and no choice, a wrong choice, none", () => {
    const loop = open("loop.clang19.v4");
    expect(codeOf(() => loop.chooseStructOps())).toBe("OBJECT_STRUCT_OPS_CHOICE");
    expect(messageOf(() => loop.chooseStructOps("lop_ops"))).toContain('Did you mean "loop_ops"?');
    expect(open("plain.clang19.v3").chooseStructOps().name).toBe("ops");
  });

  test("a target without the struct, or without a member that is set", () => {
    const loop = open("loop.clang19.v4");
    expect(codeOf(() => loop.resolveStructOps("loop_ops", { target: new BtfBuilder().build() }))).toBe(
      "OBJECT_STRUCT_OPS",
    );
    const b = new BtfBuilder();
    const proto = b.addFuncProto(b.addInt("int", 4), []);
    b.addStruct("io_uring_bpf_ops", 8, [{ name: "loop_step", type: b.addPtr(proto), bit_offset: 0 }]);
    expect(messageOf(() => loop.resolveStructOps("loop_ops", { target: b.build() }))).toContain("ring_fd");
    expect(codeOf(() => loop.resolveStructOps("other_ops", { target: b.build() }))).toBe("no error");
  });

  test("a variable defined nowhere is told with its remedy", () => {
    expect(messageOf(() => open("part-a.clang19.v3"))).toMatch(/found part_b.*link with the object/);
  });

  test("an unknown program names the nearest", () => {
    expect(messageOf(() => open("plain.clang19.v3").resolve("stop", { target }))).toContain('Did you mean "step"?');
  });
});

describe("broken objects", () => {
  const good = fixture("plain.clang19.v3");
  const patched = (at: number, value: number): Uint8Array => {
    const copy = good.slice();
    copy[at] = value;
    return copy;
  };
  const use = (bytes: Uint8Array): string =>
    codeOf(() => {
      const object = BpfObject.open(bytes);
      codeOf(() => object.values.values());
      for (const program of object.programs) codeOf(() => object.resolve(program.name, { target }));
      for (const ops of object.structOps) codeOf(() => object.resolveStructOps(ops.name, { target }));
      codeOf(() => object.coreReports({ target }));
    });

  test.each([
    ["empty", new Uint8Array(0), "ELF_MAGIC"],
    ["text", new TextEncoder().encode("int main(void) { return 0; }"), "ELF_MAGIC"],
    ["32 bits", patched(4, 1), "ELF_CLASS"],
    ["big-endian", patched(5, 2), "ELF_BIG_ENDIAN"],
    ["another version", patched(6, 2), "ELF_VERSION"],
    ["x86-64", patched(18, 62), "OBJECT_MACHINE"],
    ["an executable", patched(16, 2), "OBJECT_TYPE"],
  ])("%s", (_what, bytes, code) => {
    expect(codeOf(() => BpfObject.open(bytes))).toBe(code);
  });

  test("no BTF", () => {
    // the name of the section becomes another
    const at = new TextDecoder("latin1").decode(good).indexOf(".BTF\0");
    expect(at).toBeGreaterThan(0);
    expect(codeOf(() => BpfObject.open(patched(at + 1, 0x58)))).toBe("OBJECT_NO_BTF");
  });

  test("no struct_ops", () => {
    const at = new TextDecoder("latin1").decode(good).lastIndexOf(".struct_ops.link\0");
    expect(at).toBeGreaterThan(0);
    const object = BpfObject.open(patched(at + 1, 0x58));
    expect(codeOf(() => object.chooseStructOps())).toBe("OBJECT_NO_STRUCT_OPS");
  });

  test("cut off anywhere", () => {
    for (let length = 0; length < good.length; length++) {
      expect(codeOf(() => BpfObject.open(good.subarray(0, length)))).toMatch(/^ELF_/);
    }
  });

  test("any byte changed: an error of ours, or an object", () => {
    for (let at = 0; at < good.length; at++) {
      for (const value of [0xff, good[at] ^ (1 << (at % 8))]) use(patched(at, value));
    }
  });

  test("any byte of a rich object changed, sampled", () => {
    const rich = fixture("loop.clang19.v4.linked");
    for (let at = 0; at < rich.length; at += 7) {
      const copy = rich.slice();
      copy[at] = (at * 31) & 0xff;
      use(copy);
    }
  });
});

describe("section names", () => {
  test.each([
    ["struct_ops.s/step", "STRUCT_OPS", true],
    ["struct_ops", "STRUCT_OPS", false],
    ["?struct_ops/x", "STRUCT_OPS", false],
    ["syscall", "SYSCALL", true],
    ["socket", "SOCKET_FILTER", false],
    ["raw_tp/sys_enter", "RAW_TRACEPOINT", false],
    ["raw_tracepoint.s/x", "RAW_TRACEPOINT", true],
    ["kprobe/do_nanosleep", "KPROBE", false],
    ["tracepoint/a/b", "TRACEPOINT", false],
    ["xdp", "XDP", false],
    ["tc", "SCHED_CLS", false],
    ["cgroup/connect4", "CGROUP_SOCK_ADDR", false],
    ["perf_event", "PERF_EVENT", false],
    ["lsm.s/file_open", "LSM", true],
    ["iter/task", "TRACING", false],
    ["xdpx", "UNSPEC", false],
    ["socket/x", "UNSPEC", false],
  ])("%s is %s", (name, type, sleepable) => {
    expect(sectionKind(name)).toEqual({ type: PROG_TYPES.indexOf(type), sleepable });
  });
});

const SHARED = new URL("../../../../shared/", import.meta.url).pathname;
const OBJECTS = `${SHARED}verdicts/obj/`;

describe.skipIf(!existsSync(OBJECTS))(
  "objects of clang 21 against a real kernel's BTF (skipped without ../shared)",
  () => {
    const names = existsSync(OBJECTS) ? readdirSync(OBJECTS) : [];

    test("all open and resolve, with as many instructions as the kernel saw", () => {
      const vmlinux = Btf.parse(
        new Uint8Array(
          execFileSync("xz", ["-dc"], { input: readFileSync(`${SHARED}linux-7.2.13.btf.xz`), maxBuffer: 1 << 26 }),
        ),
      );
      const verdicts = new Map(
        readFileSync(`${SHARED}verdicts/verdicts.jsonl`, "utf8")
          .trim()
          .split("\n")
          .map((line) => {
            const verdict = JSON.parse(line) as { object: string; insn_cnt: number };
            return [verdict.object, verdict];
          }),
      );
      expect(names.length).toBeGreaterThan(100);
      for (const name of names) {
        const object = BpfObject.open(new Uint8Array(readFileSync(OBJECTS + name)), { name });
        const program = object.resolve("step", { target: vmlinux });
        expect([name, program.insns.length]).toEqual([name, verdicts.get(`obj/${name}`)!.insn_cnt]);
        expect(object.resolveStructOps(undefined, { target: vmlinux }).programs).toMatchObject([
          { member: "loop_step", program: "step" },
        ]);
      }
    });
  },
);

test("the fixture target is complete", () => {
  const builder = new BtfBuilder();
  addIoUring(builder);
  expect(builder.build().findByName("bpf_io_uring_get_region", "FUNC")).toBeDefined();
});
