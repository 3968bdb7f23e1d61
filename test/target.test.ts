// The built-in target against the BTF of Linux 7.2.13 that lies beside the project: every kfunc, struct, member, typedef,
// enum and variable of src/loop/target-btf must be that kernel's, and every kfunc a loop may call must be there. A row that is
// added is compared too.

import { beforeAll, describe, expect, it } from "vitest";
import {
  formatType,
  type Btf,
  type BtfComposite,
  type BtfEnum,
  type BtfFuncProto,
  type BtfType,
} from "../src/bpf/btf/index.ts";
import { verify } from "../src/bpf/verifier/index.ts";
import { KF_IMPLICIT_ARGS } from "../src/bpf/verifier/kfuncs.ts";
import { MAP_STRUCTS } from "../src/bpf/verifier/maps.ts";
import { KFUNCS as VM_KFUNCS } from "../src/bpf/vm/index.ts";
import { KFUNC_SIGNATURES, LOOP_STEP_TYPE, loopTargetBtf, vmTargetBtf } from "../src/loop/index.ts";
import { functionNames } from "../src/loop/target-btf/declared-types.ts";
import { IMPLICIT, KFUNCS } from "../src/loop/target-btf/kfuncs.ts";
import { LINUX } from "../src/loop/target-btf/linux-target.ts";
import { ENUMS, INTS, PERCPU, TYPEDEFS, VARIABLES } from "../src/loop/target-btf/types.ts";
import { generate } from "./diff-verifier/generate.ts";
import { linuxBtf, missingLinuxBtf } from "./linux-btf.ts";

if (missingLinuxBtf) console.log(`the built-in target is not compared: ${missingLinuxBtf}`);

/** None of these reads a part of a struct that is left out. */
const RANDOM_PROGRAMS = 500;

const target = loopTargetBtf();
let kernel: Btf;

const isComposite = (type: BtfType): type is BtfComposite => type.kind === "STRUCT" || type.kind === "UNION";

/** Where a pointer leads, and what lies behind typedefs and arrays: kind, name and size of all that it is made of. */
function described(btf: Btf, id: number): string {
  const text = [formatType(btf, id)];
  for (let at = id, steps = 0; steps < 32; steps++) {
    const type = btf.type(at);
    text.push(`${type.kind} ${type.name}`);
    if (type.kind === "TYPE_TAG") text.push(`attribute ${type.attribute}`);
    if (type.kind === "VOID") break;
    if (!("type" in type)) {
      if ("size" in type) text.push(`${type.size} bytes`);
      if (type.kind === "INT") text.push(`${type.signed ? "signed" : "unsigned"} ${type.bits}`);
      break;
    }
    at = type.type;
  }
  return text.join(", ");
}

/** What programs may call has a tag. */
const isTagged = (btf: Btf, id: number): boolean =>
  btf.findAllByName("bpf_kfunc", "DECL_TAG").some((tag) => (btf.type(tag) as BtfType & { type: number }).type === id);

function prototype(btf: Btf, name: string): unknown {
  const id = btf.findByName(name, "FUNC");
  if (id === undefined) return undefined;
  const proto = btf.type((btf.type(id) as BtfType & { kind: "FUNC" }).type) as BtfFuncProto;
  return {
    isKfunc: isTagged(btf, id),
    result: described(btf, proto.type),
    params: proto.params.map(({ name: param, type }) => `${param}: ${described(btf, type)}`),
  };
}

/** A member, those of nameless structs and unions counting as the struct's own. */
interface Leaf {
  readonly bit_offset: number;
  readonly bitfield_size: number;
  readonly type: string;
  /** Which of several members of a union is valid nobody knows. */
  readonly inUnion: boolean;
}

function leaves(btf: Btf, id: number, from = 0, inUnion = false): Map<string, Leaf> {
  const all = new Map<string, Leaf>();
  const composite = btf.resolved(id) as BtfComposite;
  const one = composite.kind === "UNION" && composite.members.length !== 1;
  for (const { name, type, bit_offset, bitfield_size } of composite.members) {
    const at = from + bit_offset;
    if (name === "") for (const [inner, leaf] of leaves(btf, type, at, inUnion || one)) all.set(inner, leaf);
    else all.set(name, { bit_offset: at, bitfield_size, type: described(btf, type), inUnion: inUnion || one });
  }
  return all;
}

/** In the kernel a struct inside a union, here a member beside it: it is a number either way. */
const BESIDE: ReadonlySet<string> = new Set(["io_uring_sqe.attr_type_mask"]);
/** Ends in arrays without a length that the layouts leave out. */
const CUT: ReadonlySet<string> = new Set(["io_uring_sqe", "io_uring_cqe"]);

/** The structs at the start of one: each may stand where the next is asked for. */
function beginsWith(btf: Btf, id: number): string[] {
  const type = btf.resolved(id);
  if (!isComposite(type)) return [];
  const first = type.members.find(({ bit_offset }) => bit_offset === 0);
  return [type.name, ...(first ? beginsWith(btf, first.type) : [])];
}

/** Whether a struct holds anything but numbers, as deep as the verifier looks. */
function hasPointers(btf: Btf, id: number, depth = 0): boolean {
  return (btf.resolved(id) as BtfComposite).members.some(({ type }) => {
    let inner = btf.resolved(type);
    if (isComposite(inner)) return depth < 3 && hasPointers(btf, type, depth + 1);
    if (inner.kind === "ARRAY") inner = btf.resolved(inner.type);
    return inner.kind !== "INT" && inner.kind !== "ENUM";
  });
}

/** Structs that kfuncs take pointers to. */
function argumentStructs(btf: Btf): Set<string> {
  const names = new Set<string>();
  for (const name of functionNames(KFUNCS)) {
    const func = btf.type(btf.findByName(name, "FUNC")!) as BtfType & { kind: "FUNC" };
    for (const { type } of (btf.type(func.type) as BtfFuncProto).params) {
      const pointer = btf.resolved(type);
      if (pointer.kind === "PTR" && isComposite(btf.resolved(pointer.type))) names.add(btf.resolved(pointer.type).name);
    }
  }
  return names;
}

const structId = (btf: Btf, name: string): number => btf.findByName(name, "STRUCT")!;
const structs = Object.keys(LINUX.structs);

describe("the built-in target", () => {
  it("declares each kfunc once, and only what can be made", () => {
    const names = functionNames(KFUNCS + IMPLICIT);
    expect(new Set(names).size).toBe(names.length);
    expect(target.bytes.length).toBeGreaterThan(10_000);
    for (let id = 1; id < target.nrTypes; id++) expect(formatType(target, id)).not.toBe("");
  });

  it("has every kfunc that a loop may call", () => {
    for (const { name, flags } of LOOP_STEP_TYPE.kfuncs) {
      expect(target.findByName(name, "FUNC"), name).toBeDefined();
      if (flags & KF_IMPLICIT_ARGS) expect(target.findByName(`${name}_impl`, "FUNC"), name).toBeDefined();
    }
  });
});

it("the built-in target has the structs that the verifier looks for", () => {
  for (const name of [...Object.values(MAP_STRUCTS), "bpf_map", "task_struct", "vm_area_struct", "pt_regs"])
    expect(target.findByName(name, "STRUCT"), name).toBeDefined();
});

describe("what user and sim have of it", () => {
  const vm = vmTargetBtf();

  it("is all kfuncs they run, and no others", () => {
    const names = [...vm.ofKind("FUNC")].map((id) => vm.nameOf(id));
    expect(new Set(names)).toEqual(new Set([...VM_KFUNCS.keys(), ...Object.keys(KFUNC_SIGNATURES)]));
    for (const name of names) expect(prototype(vm, name)).toEqual(prototype(target, name));
  });

  it("lies where it does there", () => {
    const names = [...vm.ofKind("STRUCT")].map((id) => vm.nameOf(id)).filter((name) => name !== "");
    expect(names).toContain("task_struct");
    for (const name of names) {
      const [mine, theirs] = [vm, target].map((btf) => btf.findByName(name, "STRUCT")!);
      expect(vm.sizeOf(mine), name).toBe(target.sizeOf(theirs));
      const all = leaves(target, theirs);
      for (const [member, { bit_offset }] of leaves(vm, mine))
        expect(all.get(member)?.bit_offset, member).toBe(bit_offset);
    }
  });
});

describe.skipIf(missingLinuxBtf)("the built-in target is Linux 7.2.13's", () => {
  beforeAll(() => {
    kernel = linuxBtf();
  });

  it.each(functionNames(KFUNCS + IMPLICIT))("kfunc %s", (name) => {
    expect(prototype(target, name)).toEqual(prototype(kernel, name));
  });

  it.each(structs)("struct %s", (name) => {
    const [mine, theirs] = [structId(target, name), structId(kernel, name)];
    expect(target.sizeOf(mine)).toBe(kernel.sizeOf(theirs));
    const known = leaves(kernel, theirs);
    for (const [member, leaf] of leaves(target, mine)) {
      const inUnion = BESIDE.has(`${name}.${member}`) || leaf.inUnion;
      expect({ ...leaf, inUnion }, member).toEqual(known.get(member));
    }
  });

  it.each(structs)("struct %s is taken for no other", (name) => {
    const [mine, theirs] = [structId(target, name), structId(kernel, name)];
    const asked = argumentStructs(target);
    const asArguments = (btf: Btf, id: number): string[] => beginsWith(btf, id).filter((one) => asked.has(one));
    expect(asArguments(target, mine)).toEqual(asArguments(kernel, theirs));
    if (asked.has(name)) expect(hasPointers(target, mine)).toBe(hasPointers(kernel, theirs));
    // a trailing array without a length is read beyond the struct
    const [end, kernelEnd] = [target, kernel].map((btf, i) => {
      const last = (btf.type([mine, theirs][i]) as BtfComposite).members.at(-1);
      const type = last && btf.resolved(last.type);
      const element = type?.kind === "ARRAY" && type.nelems === 0 ? btf.resolved(type.type) : undefined;
      return element?.kind === "INT" || (element && isComposite(element)) ? last?.name : undefined;
    });
    if (!CUT.has(name)) expect(end).toBe(kernelEnd);
  });

  it("has the lists of safe pointers of all its structs", () => {
    for (const name of structs) {
      for (const suffix of ["__safe_rcu", "__safe_rcu_or_null", "__safe_trusted", "__safe_trusted_or_null"]) {
        const list = kernel.findByName(name + suffix, "STRUCT");
        if (list === undefined) continue;
        const all = [...leaves(kernel, list).keys()];
        expect([...leaves(target, structId(target, name + suffix)).keys()], name + suffix).toEqual(all);
        const members = leaves(target, structId(target, name));
        for (const member of all) expect(members.has(member), `${name}.${member}`).toBe(true);
      }
    }
  });

  it.each([...Object.keys(TYPEDEFS), ...Object.values(INTS).map(([name]) => name)])("type %s", (name) => {
    const kind = Object.hasOwn(TYPEDEFS, name) ? "TYPEDEF" : "INT";
    const [mine, theirs] = [target.findByName(name, kind)!, kernel.findByName(name, kind)!];
    expect(described(target, mine)).toBe(described(kernel, theirs));
    if (isComposite(target.resolved(mine))) expect(leaves(target, mine)).toEqual(leaves(kernel, theirs));
  });

  it.each(Object.keys(ENUMS))("enum %s", (name) => {
    const [mine, theirs] = [target, kernel].map((btf) => btf.type(btf.findByName(name, "ENUM")!) as BtfEnum);
    // of a long one the first values
    expect(mine).toEqual({ ...theirs, values: theirs.values.slice(0, mine.values.length) });
  });

  it("per-CPU variables", () => {
    const section = (btf: Btf): BtfType & { kind: "DATASEC" } =>
      btf.type(btf.findByName(PERCPU[0], "DATASEC")!) as BtfType & { kind: "DATASEC" };
    const places = (btf: Btf): string[] =>
      section(btf).vars.map(({ type, offset, size }) => {
        const variable = btf.type(type) as BtfType & { kind: "VAR" };
        return `${variable.name} @${offset}, ${size} bytes: ${described(btf, variable.type)}`;
      });
    expect(section(target).size).toBe(section(kernel).size);
    const known = new Set(places(kernel));
    expect(places(target)).toHaveLength(Object.keys(VARIABLES).length);
    for (const place of places(target)) expect(known).toContain(place);
  });

  it("judges random programs as that kernel's BTF does", () => {
    const judged = (seed: number, btf: Btf): unknown => {
      const { errno, error, processed, stackDepth } = verify(generate(seed, btf), { logLevel: 0 });
      // ids are each BTF's own
      return { errno, error: error.replaceAll(/btf_id \d+/g, "btf_id"), processed, stackDepth };
    };
    for (let seed = 1; seed <= RANDOM_PROGRAMS; seed++)
      expect(judged(seed, target), `seed ${seed}`).toEqual(judged(seed, kernel));
  });
});
