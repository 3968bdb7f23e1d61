// The running kernel's verifier: a resolved program is loaded through bpf(2), as libbpf would load it, and its verdict and
// log come back. Nothing is attached or run.

import { encode } from "../../src/bpf/isa/index.ts";
import type { BtfComposite } from "../../src/bpf/btf/index.ts";
import type { MapSpec, ResolvedProgram } from "../../src/bpf/object/index.ts";
import * as A from "../../src/engine/kernel/bpf-attr.ts";
import { BpfCalls } from "../../src/engine/kernel/bpf.ts";
import { createKernelMap } from "../../src/engine/kernel/kernel-map.ts";
import { funcInfo, lineInfo, programBtf } from "../../src/engine/kernel/program-btf.ts";
import { openSys } from "../../src/sys/index.ts";

const BPF_PROG_TYPE_STRUCT_OPS = 27;
const KEY_0 = new Uint8Array(4);
const FIRST_LOG = 1 << 18;
const LAST_LOG = 1 << 27;
const ENOSPC = -28;
const UTF8 = new TextEncoder();
const TEXT = new TextDecoder();

/** What Linux says of a program. `errno` is 0 or positive. */
export interface LinuxVerdict {
  readonly errno: number;
  readonly log: string;
}

/** Loads programs, one after the other; maps live as long as their program is asked about. */
export class LinuxVerifier {
  readonly #bpf = new BpfCalls(openSys());

  /** The verdict, with the log of `level`. Throws SysError when maps or BTF cannot be created. */
  verdict(program: ResolvedProgram, level = 1): LinuxVerdict {
    const fds: number[] = [];
    try {
      return this.#verdict(program, level, fds);
    } finally {
      for (const fd of fds.reverse()) this.#bpf.close(fd);
    }
  }

  #verdict(program: ResolvedProgram, level: number, fds: number[]): LinuxVerdict {
    const bpf = this.#bpf;
    const keep = (fd: number): number => {
      fds.push(fd);
      return fd;
    };
    const needsBtf = program.subprogs.some(({ type_id }) => type_id !== 0);
    const texts = program.lines.flatMap(({ file, text }) => [file, text]);
    const btf = needsBtf ? programBtf(program.btf, texts) : undefined;
    let btf_fd = 0;
    if (btf !== undefined) {
      const fd = bpf.call("BPF_BTF_LOAD", A.btf_load_attr, { btf: btf.bytes, btf_size: btf.bytes.length });
      if (fd < 0) throw new Error(`BPF_BTF_LOAD: ${fd}`);
      btf_fd = keep(fd);
    }
    const maps = program.maps.map((spec) => keep(this.#createMap(spec, btf_fd)));
    const func = btf && funcInfo(program.subprogs);
    const lines = btf && func && lineInfo(program.lines, program.subprogs, btf);
    const values = {
      prog_type: program.type,
      insns: encode(program.insns),
      insn_cnt: program.insns.length,
      license: UTF8.encode(`${program.license}\0`),
      prog_flags: program.sleepable ? A.BPF_F_SLEEPABLE : 0,
      fd_array: new Uint8Array(Int32Array.from(maps).buffer),
      ...attachment(program),
      ...(func && {
        prog_btf_fd: btf_fd,
        func_info: func,
        func_info_rec_size: A.bpf_func_info.size,
        func_info_cnt: func.length / A.bpf_func_info.size,
      }),
      ...(lines && {
        line_info: lines,
        line_info_rec_size: A.bpf_line_info.size,
        line_info_cnt: lines.length / A.bpf_line_info.size,
      }),
    };
    for (let size = FIRST_LOG; ; size *= 8) {
      const log = new Uint8Array(Math.min(size, LAST_LOG));
      const logging = { log_level: level, log_buf: log, log_size: log.length };
      const name = [program.name, A.PROG_NAME_AT] as const;
      const fd = bpf.call("BPF_PROG_LOAD", A.prog_load_attr, { ...values, ...logging }, name);
      if (fd === ENOSPC && size < LAST_LOG) continue;
      if (fd >= 0) bpf.close(fd);
      const end = log.indexOf(0);
      return { errno: fd < 0 ? -fd : 0, log: TEXT.decode(log.subarray(0, end < 0 ? log.length : end)) };
    }
  }

  #createMap(spec: MapSpec, btf_fd: number): number {
    const fd = createKernelMap(this.#bpf, spec, btf_fd);
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
