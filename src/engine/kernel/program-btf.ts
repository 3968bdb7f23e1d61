// An object's BTF as Linux accepts it, and the func and line info that go with it. Clang describes functions and variables
// of the kernel (linkage extern) and the section .ksyms, which the kernel's checks refuse: they become `const void`, so that
// all other ids stay. Texts of source lines are appended to the strings: line info consists of their offsets.

import { concatBytes, setField, viewOf, type Layout } from "../../base/index.ts";
import { replacedTypes, type Btf } from "../../bpf/btf/index.ts";
import type { LineInfo, ResolvedProgram, Subprog } from "../../bpf/object/index.ts";
import { bpf_func_info, bpf_line_info } from "./bpf-attr.ts";

const BTF_MAGIC = 0xeb9f;
const HEADER = 24;
const KIND_CONST = 10;
const UTF8 = new TextEncoder();

/** BTF ready for BPF_BTF_LOAD. */
export interface ProgramBtf {
  readonly bytes: Uint8Array;
  /** Offset of one of the strings asked for. */
  offsetOf(text: string): number;
}

type InfoField = `${"func" | "line"}_info${"" | "_rec_size" | "_cnt"}` | "prog_btf_fd";
type ProgramInfo = Readonly<Partial<Record<InfoField, number | Uint8Array>>>;

/** `texts`: strings that line info will refer to. */
export function programBtf(btf: Btf, texts: Iterable<string>): ProgramBtf {
  const replaced = replacedTypes(btf);
  const types: Uint8Array[] = [];
  for (let id = btf.firstId; id < btf.nrTypes; id++) types.push(replaced.has(id) ? constVoid() : btf.rawType(id));
  const strings = [stringSection(btf)];
  const offsets = new Map<string, number>();
  let end = strings[0].length;
  for (const text of texts) {
    if (offsets.has(text)) continue;
    const bytes = UTF8.encode(`${text}\0`);
    offsets.set(text, end);
    strings.push(bytes);
    end += bytes.length;
  }
  const typeBytes = concatBytes(types);
  const header = new Uint8Array(HEADER);
  const view = viewOf(header);
  view.setUint16(0, BTF_MAGIC, true);
  view.setUint8(2, 1);
  const words = [HEADER, 0, typeBytes.length, typeBytes.length, end];
  for (const [i, word] of words.entries()) view.setUint32(4 + i * 4, word, true);
  return { bytes: concatBytes([header, typeBytes, ...strings]), offsetOf: (text) => offsets.get(text) ?? 0 };
}

function stringSection({ bytes }: Btf): Uint8Array {
  const view = viewOf(bytes);
  const start = view.getUint32(4, true) + view.getUint32(16, true);
  return bytes.subarray(start, start + view.getUint32(20, true));
}

function constVoid(): Uint8Array {
  const bytes = new Uint8Array(12);
  viewOf(bytes).setUint32(4, (KIND_CONST << 24) >>> 0, true);
  return bytes;
}

function records<N extends string>(shape: Layout<N>, rows: readonly Readonly<Record<N, number>>[]): Uint8Array {
  const bytes = new Uint8Array(rows.length * shape.size);
  const view = viewOf(bytes);
  for (const [i, row] of rows.entries()) {
    for (const [name, value] of Object.entries<number>(row)) setField(shape, view, i * shape.size, name as N, value);
  }
  return bytes;
}

/** struct bpf_func_info of each subprogram; undefined when one has no BTF. */
export function funcInfo(subprogs: readonly Subprog[]): Uint8Array | undefined {
  if (subprogs.some(({ type_id }) => type_id === 0)) return undefined;
  const rows = subprogs.map(({ start, type_id }) => ({ insn_off: start, type_id }));
  return records(
    bpf_func_info,
    rows.sort((a, b) => a.insn_off - b.insn_off),
  );
}

/** struct bpf_line_info; undefined when it is not as the kernel demands: ascending, and one at the start of each subprogram. */
export function lineInfo(
  lines: readonly LineInfo[],
  subprogs: readonly Subprog[],
  btf: ProgramBtf,
): Uint8Array | undefined {
  const starts = new Set(lines.map(({ insn }) => insn));
  const ascending = lines.every(({ insn }, i) => i === 0 || insn > lines[i - 1].insn);
  if (!ascending || subprogs.some(({ start }) => !starts.has(start))) return undefined;
  return records(
    bpf_line_info,
    lines.map(({ insn, file, text, line, column }) => ({
      insn_off: insn,
      file_name_off: btf.offsetOf(file),
      line_off: btf.offsetOf(text),
      line_col: ((line << 10) | (column & 0x3ff)) >>> 0,
    })),
  );
}

/** The fields of BPF_PROG_LOAD that describe a program's functions and lines; none for what the BTF does not tell. */
export function programInfo({ subprogs, lines }: ResolvedProgram, btf: ProgramBtf, prog_btf_fd: number): ProgramInfo {
  const func_info = funcInfo(subprogs);
  if (func_info === undefined) return {};
  const functions = {
    prog_btf_fd,
    func_info,
    func_info_rec_size: bpf_func_info.size,
    func_info_cnt: func_info.length / bpf_func_info.size,
  };
  const line_info = lineInfo(lines, subprogs, btf);
  if (line_info === undefined) return functions;
  return {
    ...functions,
    line_info,
    line_info_rec_size: bpf_line_info.size,
    line_info_cnt: line_info.length / bpf_line_info.size,
  };
}
