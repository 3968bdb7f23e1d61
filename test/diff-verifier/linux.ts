// The running kernel's verifier: a resolved program is loaded through bpf(2), as libbpf would load it, and its verdict and
// log come back. Nothing is attached or run.

import type { Layout } from "../../src/base/index.ts";
import { encode } from "../../src/bpf/isa/index.ts";
import type { Btf, BtfComposite } from "../../src/bpf/btf/index.ts";
import type { MapSpec, ResolvedProgram } from "../../src/bpf/object/index.ts";
import { isArena, mapArena } from "../../src/engine/kernel/arena.ts";
import * as A from "../../src/engine/kernel/bpf-attr.ts";
import { BpfCalls } from "../../src/engine/kernel/bpf.ts";
import { createKernelMap } from "../../src/engine/kernel/kernel-map.ts";
import { programBtf, programInfo, type ProgramBtf } from "../../src/engine/kernel/program-btf.ts";
import { openSys } from "../../src/sys/index.ts";

const BPF_PROG_TYPE_STRUCT_OPS = 27;
const KEY_0 = new Uint8Array(4);
const FIRST_LOG = 1 << 16;
const LAST_LOG = 1 << 27;
const ENOSPC = -28;
const UTF8 = new TextEncoder();
const TEXT = new TextDecoder();

/** What Linux says of a program. `errno` is 0 or positive. */
export interface LinuxVerdict {
  readonly errno: number;
  readonly log: string;
}

type ProgLoad = Partial<Record<typeof A.prog_load_attr extends Layout<infer Name> ? Name : never, number | Uint8Array>>;

/** What a program refers to, as the kernel holds it. */
interface World {
  readonly maps: readonly MapSpec[];
  readonly btf: Btf;
  /** Negative when Linux does not take it. */
  readonly btf_fd: number;
  readonly programBtf: ProgramBtf;
  readonly map_fds: readonly number[];
}

/** Loads programs, one after the other. Maps and BTF are kept until a program comes with others. */
export class LinuxVerifier {
  readonly #bpf = new BpfCalls(openSys());
  #world: World | undefined = undefined;
  #log = new Uint8Array(FIRST_LOG);
  #unmap: () => void = () => undefined;

  /** The verdict, with the log of `level`. Throws SysError when maps or BTF cannot be created. */
  verdict(program: ResolvedProgram, level = 1): LinuxVerdict {
    const values = this.#values(program);
    for (;;) {
      const log = this.#log;
      const name = [program.name, A.PROG_NAME_AT] as const;
      const logging = { log_level: level, log_buf: log, log_size: log.length };
      const fd = this.#bpf.call("BPF_PROG_LOAD", A.prog_load_attr, { ...values, ...logging }, name);
      if (fd === ENOSPC && log.length < LAST_LOG) {
        this.#log = new Uint8Array(log.length * 8);
        continue;
      }
      if (fd >= 0) this.#bpf.close(fd);
      const end = log.indexOf(0);
      const text = TEXT.decode(log.subarray(0, end < 0 ? log.length : end));
      log[0] = 0;
      return { errno: fd < 0 ? -fd : 0, log: text };
    }
  }

  /** Gives up maps and BTF: a map of programs takes after the first that uses it, and refuses others without a word. */
  forget(): void {
    const last = this.#world;
    this.#unmap();
    this.#unmap = () => undefined;
    if (last !== undefined) for (const fd of [...last.map_fds, last.btf_fd]) if (fd >= 0) this.#bpf.close(fd);
    this.#world = undefined;
  }

  #values(program: ResolvedProgram): ProgLoad {
    const world = this.#worldOf(program);
    return {
      prog_type: program.type,
      insns: encode(program.insns),
      insn_cnt: program.insns.length,
      license: UTF8.encode(`${program.license}\0`),
      prog_flags: program.sleepable ? A.BPF_F_SLEEPABLE : 0,
      fd_array: new Uint8Array(Int32Array.from(world.map_fds).buffer),
      ...attachment(program),
      ...(world.btf_fd < 0 ? {} : programInfo(program, world.programBtf, world.btf_fd)),
    };
  }

  #worldOf({ type, maps, btf, lines }: ResolvedProgram): World {
    const last = this.#world;
    if (last !== undefined && last.maps === maps && last.btf === btf && lines.length === 0) return last;
    this.forget();
    const bytes = programBtf(
      btf,
      lines.flatMap(({ file, text }) => [file, text]),
    );
    const load = { btf: bytes.bytes, btf_size: bytes.bytes.length };
    const btf_fd = this.#bpf.call("BPF_BTF_LOAD", A.btf_load_attr, load);
    // as libbpf does: a type of program that needs no BTF goes without
    if (btf_fd < 0 && type === BPF_PROG_TYPE_STRUCT_OPS) throw new Error(`BPF_BTF_LOAD: ${btf_fd}`);
    const map_fds = maps.map((spec) => this.#createMap(spec, Math.max(0, btf_fd)));
    this.#world = { maps, btf, btf_fd, programBtf: bytes, map_fds };
    return this.#world;
  }

  #createMap(spec: MapSpec, btf_fd: number): number {
    const fd = createKernelMap(this.#bpf, spec, btf_fd);
    if (isArena(spec)) this.#unmap = mapArena(this.#bpf.sys, spec, fd);
    if (spec.initial) this.#bpf.mapUpdate(fd, KEY_0, spec.initial);
    if (spec.frozen) this.#bpf.mapFreeze(fd);
    return fd;
  }
}

/** loop_step of io_uring_bpf_ops, for struct_ops programs. */
function attachment(program: ResolvedProgram): { attach_btf_id?: number; expected_attach_type?: number } {
  if (program.type !== BPF_PROG_TYPE_STRUCT_OPS) return {};
  const attach_btf_id = program.target.findByName("io_uring_bpf_ops", "STRUCT");
  if (attach_btf_id === undefined) return {};
  const { members } = program.target.type(attach_btf_id) as BtfComposite;
  return { attach_btf_id, expected_attach_type: members.findIndex(({ name }) => name === "loop_step") };
}
