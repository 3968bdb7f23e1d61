// An object in the kernel: its maps, programs and struct_ops maps, made by raw bpf(2) calls in the order libbpf makes them.
// Data sections are mapped over pages of the engine's memory, so their values are shared with the program and can be read
// and written like any other memory.
//
// Each struct_ops map is made for attachment by a link, also one from a section `.struct_ops` without link: a link goes
// with its descriptor, so nothing stays attached when this process ends in whatever way.

import { alignUp, viewOf, ENOSPC, EPERM } from "../../base/index.ts";
import { encode } from "../../bpf/isa/index.ts";
import type { BpfObject, MapSpec, ResolvedProgram, ResolvedStructOps } from "../../bpf/object/index.ts";
import type { Btf, BtfComposite, BtfMember } from "../../bpf/btf/index.ts";
import { UnsupportedError } from "../../loop/index.ts";
import { check, mmap, sysError } from "../../sys/index.ts";
import { MMAP } from "../../uring/abi/index.ts";
import { isArena, mapArena } from "./arena.ts";
import * as A from "./bpf-attr.ts";
import type { BpfCalls } from "./bpf.ts";
import { runningKernel } from "./kernel-config.ts";
import { createKernelMap, fillMapSlots } from "./kernel-map.ts";
import { programBtf, programInfo, type ProgramBtf } from "./program-btf.ts";
import type { PageMemory } from "./page-memory.ts";
import { explainPoison, KernelRejection } from "./verifier-log.ts";

const UTF8 = new TextEncoder();
const TEXT = new TextDecoder();
const KEY_0 = new Uint8Array(4);
const FIRST_LOG = 1 << 16;
const LAST_LOG = 1 << 24;
/** Errno values that come from the verifier rather than from the call. */
const ENOTSUPP = 524;
const VERIFIER_ERRNOS = [-7, -13, -22, -28, -95, -14, -12, -2, -524, -34, -105];

/** A map in the kernel. */
export interface KernelMap {
  readonly spec: MapSpec;
  readonly fd: number;
  /** Where a data section lies in the engine's memory; undefined for other maps and for one that cannot be mapped. */
  readonly address: number | undefined;
}

/** What a struct_ops map is made from. A map keeps the ring it was first attached to, so each attachment makes its own. */
interface OpsTemplate {
  readonly spec: ResolvedStructOps;
  readonly value_type: number;
  readonly value: Uint8Array;
  /** Offset of the member `ring_fd` in the value. */
  readonly ringFdAt: number;
}

/** A loaded object. Dispose it when it is no longer attached. */
export class KernelObject implements Disposable {
  readonly maps: readonly KernelMap[];
  readonly #ops: ReadonlyMap<string, OpsTemplate>;
  readonly #btf: number;
  readonly #externs: readonly string[];
  readonly #bpf: BpfCalls;
  readonly #memory: PageMemory;
  readonly #fds: number[] = [];
  readonly #mapped: { readonly address: number; readonly size: number }[] = [];
  /** Unmaps the arena. */
  readonly #unmap: (() => void)[] = [];
  #closed = false;

  /** Loads every struct_ops map of `object` with its programs. Throws SysError, ObjectError, KernelRejection. */
  constructor(bpf: BpfCalls, memory: PageMemory, object: BpfObject, target: Btf) {
    this.#bpf = bpf;
    this.#memory = memory;
    this.#externs = object.externs.map(({ name }) => name);
    object.configure(runningKernel());
    try {
      const specs = object.structOps
        .filter((spec) => spec.autocreate)
        .map(({ name }) => object.resolveStructOps(name, { target }));
      const programs = new Map<string, { program: ResolvedProgram; ops: ResolvedStructOps; index: number }>();
      for (const ops of specs) {
        for (const { program, index } of ops.programs)
          programs.set(program, { program: object.resolve(program, { target }), ops, index });
      }
      const btf = programBtf(object.btf, textsOf([...programs.values()].map(({ program }) => program)));
      const btf_fd = this.#loadBtf(btf);
      this.maps = object.maps.map((spec) => this.#createMap(spec, btf_fd));
      const fdOf = (name: string): number | undefined => this.maps.find(({ spec }) => spec.name === name)?.fd;
      for (const { spec, fd } of this.maps) fillMapSlots(bpf, fd, spec, fdOf);
      const fds = new Map(
        [...programs].map(([name, { program, ops, index }]) => [
          name,
          this.#loadProgram(program, ops, index, btf, btf_fd),
        ]),
      );
      this.#ops = new Map(specs.map((spec) => [spec.name, opsTemplate(spec, target, fds)]));
      this.#btf = btf_fd;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #keep(fd: number): number {
    this.#fds.push(fd);
    return fd;
  }

  #loadBtf({ bytes }: ProgramBtf): number {
    const fd = this.#bpf.call("BPF_BTF_LOAD", A.btf_load_attr, { btf: bytes, btf_size: bytes.length });
    if (fd >= 0) return this.#keep(fd);
    const log = new Uint8Array(FIRST_LOG);
    const values = { btf: bytes, btf_size: bytes.length, btf_log_buf: log, btf_log_size: log.length, btf_log_level: 1 };
    const again = this.#bpf.call("BPF_BTF_LOAD", A.btf_load_attr, values);
    if (again >= 0) return this.#keep(again);
    const reason = text(log).trim().split("\n").at(-1);
    throw sysError(
      "bpf(BPF_BTF_LOAD)",
      fd,
      reason ? { message: `the kernel refuses the object's BTF: ${reason}` } : {},
    );
  }

  #createMap(spec: MapSpec, btf_fd: number): KernelMap {
    const data = spec.kind !== "map";
    const fd = this.#keep(createKernelMap(this.#bpf, spec, btf_fd, data ? A.BPF_F_MMAPABLE : 0));
    if (isArena(spec)) this.#unmap.push(mapArena(this.#bpf.sys, spec, fd));
    if (!data) return { spec, fd, address: undefined };
    if (spec.initial) this.#bpf.mapUpdate(fd, KEY_0, spec.initial, { where: `map ${spec.name}` });
    if (spec.frozen) this.#bpf.mapFreeze(fd);
    return { spec, fd, address: this.#mapData(spec, fd) };
  }

  /**
   * Maps a data section over fresh pages of the engine's memory; undefined for one with locks, lists or the like, which Linux
   * does not let anyone map.
   */
  #mapData(spec: MapSpec, fd: number): number | undefined {
    const { sys } = this.#bpf;
    const size = alignUp(spec.value_size, sys.pageSize);
    const address = this.#memory.allocate(size);
    const prot = spec.frozen ? MMAP.PROT_READ : MMAP.PROT_READ | MMAP.PROT_WRITE;
    const base = sys.addressOf(this.#memory.bytes);
    const mapped = mmap(sys, base + address, size, prot, MMAP.MAP_SHARED | MMAP.MAP_FIXED, fd, 0);
    if (mapped === -ENOTSUPP) {
      this.#makeOrdinary(address, size);
      return undefined;
    }
    check(mapped, "mmap", { where: `map ${spec.name}` });
    this.#mapped.push({ address, size });
    return address;
  }

  /** Gives pages back as ordinary memory, so that a forgotten view reads zeros instead of faulting. */
  #makeOrdinary(address: number, size: number): void {
    const { sys } = this.#bpf;
    const flags = MMAP.MAP_PRIVATE | MMAP.MAP_ANONYMOUS | MMAP.MAP_FIXED;
    mmap(sys, sys.addressOf(this.#memory.bytes) + address, size, MMAP.PROT_READ | MMAP.PROT_WRITE, flags, -1, 0);
    this.#memory.release(address, size);
  }

  #loadProgram(
    program: ResolvedProgram,
    ops: ResolvedStructOps,
    member: number,
    btf: ProgramBtf,
    prog_btf_fd: number,
  ): number {
    const fd_array = new Uint8Array(Int32Array.from(this.maps, ({ fd }) => fd).buffer);
    const values = {
      prog_type: A.BPF_PROG_TYPE_STRUCT_OPS,
      insns: encode(program.insns),
      insn_cnt: program.insns.length,
      license: UTF8.encode(`${program.license}\0`),
      prog_flags: program.sleepable ? A.BPF_F_SLEEPABLE : 0,
      attach_btf_id: ops.type_id,
      expected_attach_type: member,
      fd_array,
      ...programInfo(program, btf, prog_btf_fd),
    };
    const load = (log?: Uint8Array): number => {
      const logging = log && { log_level: 1, log_buf: log, log_size: log.length };
      return this.#bpf.call("BPF_PROG_LOAD", A.prog_load_attr, { ...values, ...logging }, [
        program.name,
        A.PROG_NAME_AT,
      ]);
    };
    const fd = load();
    if (fd >= 0) return this.#keep(fd);
    if (fd === -EPERM || !VERIFIER_ERRNOS.includes(fd))
      throw sysError("bpf(BPF_PROG_LOAD)", fd, { where: `program ${program.name}` });
    for (let size = FIRST_LOG; ; size *= 8) {
      const log = new Uint8Array(Math.min(size, LAST_LOG));
      const again = load(log);
      if (again >= 0) return this.#keep(again);
      if (again === -ENOSPC && size < LAST_LOG) continue;
      throw new KernelRejection(program.name, fd, explainPoison(text(log), this.#externs));
    }
  }

  /** Makes the struct_ops map `name` for the ring `ring_fd` of this process: a descriptor, the caller's to close. */
  createOps(name: string, ring_fd: number): number {
    const { spec, value_type, value, ringFdAt } = this.#ops.get(name)!;
    const fd = this.#bpf.mapCreate({
      name: spec.name,
      map_type: A.BPF_MAP_TYPE_STRUCT_OPS,
      key_size: 4,
      value_size: value.length,
      max_entries: 1,
      map_flags: A.BPF_F_LINK,
      btf_fd: this.#btf,
      btf_vmlinux_value_type_id: value_type,
    });
    const bound = value.slice();
    viewOf(bound).setUint32(ringFdAt, ring_fd, true);
    try {
      this.#bpf.mapUpdate(fd, KEY_0, bound, { where: `struct_ops map ${name}` });
    } catch (error) {
      this.#bpf.close(fd);
      throw error;
    }
    return fd;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { address, size } of this.#mapped) this.#makeOrdinary(address, size);
    for (const unmap of this.#unmap) unmap();
    for (const fd of this.#fds.reverse()) this.#bpf.close(fd);
    this.#fds.length = 0;
  }
}

function opsTemplate(spec: ResolvedStructOps, target: Btf, programs: ReadonlyMap<string, number>): OpsTemplate {
  const name = `bpf_struct_ops_${spec.type_name}`;
  const value_type = target.findByName(name, "STRUCT");
  if (value_type === undefined) {
    throw new UnsupportedError("FEATURE_UNSUPPORTED", {
      message: `this kernel has no struct_ops of type ${spec.type_name}`,
      where: `struct_ops map ${spec.name}`,
      expected: `struct ${name} in the kernel's BTF`,
    });
  }
  const { size, members } = target.type(value_type) as BtfComposite;
  const dataAt = offsetOf(members, "data");
  const value = new Uint8Array(size);
  value.set(spec.data, dataAt);
  const view = viewOf(value);
  for (const { offset, program } of spec.programs)
    view.setBigUint64(dataAt + offset, BigInt(programs.get(program)!), true);
  return {
    spec,
    value_type,
    value,
    ringFdAt: dataAt + offsetOf((target.type(spec.type_id) as BtfComposite).members, "ring_fd"),
  };
}

const offsetOf = (members: readonly BtfMember[], name: string): number =>
  members.find((member) => member.name === name)!.bit_offset >>> 3;

/** Every string line info refers to. */
function* textsOf(programs: readonly ResolvedProgram[]): Generator<string> {
  for (const { lines } of programs) {
    for (const { file, text } of lines) {
      yield file;
      yield text;
    }
  }
}

function text(log: Uint8Array): string {
  const end = log.indexOf(0);
  return TEXT.decode(log.subarray(0, end < 0 ? log.length : end));
}
