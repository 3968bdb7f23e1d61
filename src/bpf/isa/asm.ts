// A small assembler for the kernel's own notation, so that programs in tests read like the verifier's log and a log can be
// assembled back. One instruction a line; `//` and `#` at a line's start or `// ...` after an instruction are comments;
// `12:` and `(bf)` in front are passed over; `name:` alone is a label. Jumps and calls take `pc+3`, `+3` or a label.
// `r1 = 5` is a move, `r1 = 0x5` (or any number followed by `ll`) a 64-bit load, as in the log.

import * as C from "./constants.ts";
import { IsaError } from "./errors.ts";
import { helperId, helperName } from "./helper-names.ts";
import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  type Insn,
} from "./insn.ts";
import { OP_TABLE, type Format, type OpRow } from "./optable.ts";

/** Names an assembly text may use. */
export interface AsmOptions {
  /** BTF ids of kfuncs: `call bpf_iter_num_new` becomes BPF_PSEUDO_KFUNC_CALL with that imm. */
  readonly kfuncs?: Readonly<Record<string, number>>;
  /** Names of maps by index: `r1 = map[counts]` becomes BPF_PSEUDO_MAP_IDX. */
  readonly maps?: readonly string[];
}

/** What a line refers to before labels are known: a slot offset, or a label's name. */
type Target = number | string;

interface Draft {
  readonly code: number;
  readonly dst_reg?: number;
  readonly src_reg?: number;
  readonly off?: number;
  readonly imm?: number;
  /** Jump or call target and the field that takes it. */
  readonly target?: Target;
  readonly field?: "off" | "imm";
  /** Second slot. */
  readonly high?: number;
}

class Unparsable extends Error {}

/** The row with this format that also fits `want`; what does not exist is a syntax error. */
function find(format: Format, want: { readonly [Key in "symbol" | "width" | "from"]?: OpRow[Key] | undefined }): OpRow {
  const row = OP_TABLE.find(
    (row) => row.format === format && Object.entries(want).every(([key, value]) => row[key as keyof OpRow] === value),
  );
  if (row === undefined) throw new Unparsable(`no such instruction`);
  return row;
}

/** Fields fixed by the variant. */
function draft(row: OpRow, fields: Omit<Draft, "code">): Draft {
  return { code: row.code, ...(row.when === undefined ? {} : { [row.when[0]]: row.when[1] }), ...fields };
}

function integer(text: string): number {
  const value = Number(text.replace(/^([+-])\s*/, "$1"));
  const parsed = text.startsWith("-0x") ? -Number(text.slice(1)) : value;
  if (!Number.isInteger(parsed)) throw new Unparsable(`not a number: ${text}`);
  return parsed;
}

/** An immediate of 32 bits, written signed or unsigned. */
function imm32(text: string): number {
  const value = integer(text);
  if (value < -0x8000_0000 || value > 0xffff_ffff) throw new Unparsable(`${text} does not fit 32 bits`);
  return value | 0;
}

function offset16(text: string | undefined): number {
  const value = text === undefined || text === "" ? 0 : integer(text.replace(/\s+/g, ""));
  if (value < -0x8000 || value > 0x7fff) throw new Unparsable(`offset ${text} does not fit 16 bits`);
  return value;
}

function target(text: string): Target {
  const match = /^(?:pc)?([+-]\d+)$/.exec(text);
  return match ? Number(match[1]) : text;
}

const width = (letter: string): 32 | 64 => (letter === "w" ? 32 : 64);

const NUM = String.raw`[+-]?(?:0x[0-9a-fA-F]+|\d+)`;
const MEM = String.raw`\((u8|u16|u32|u64|s8|s16|s32) \*\)\(r(\d+)\s*([+-]\s*\d+)?\)`;
const TARGET = String.raw`((?:pc)?[+-]\d+|[A-Za-z_.][\w.]*)`;

function pseudo(dst_reg: number, src_reg: number, imm: number, high = 0): Draft {
  return { code: C.BPF_LD | C.BPF_IMM | C.BPF_DW, dst_reg, src_reg, imm, high };
}

function mapLoad(match: RegExpExecArray, options: AsmOptions): Draft {
  const [, dst, kind, name, offset] = match;
  const named = kind === undefined ? (options.maps ?? []).indexOf(name) : integer(name);
  if (named < 0) throw new Unparsable(`unknown map ${name}`);
  const value = offset !== undefined;
  const byId = kind === "id:";
  const src = byId
    ? value
      ? BPF_PSEUDO_MAP_VALUE
      : BPF_PSEUDO_MAP_FD
    : value
      ? BPF_PSEUDO_MAP_IDX_VALUE
      : BPF_PSEUDO_MAP_IDX;
  return pseudo(Number(dst), src, named, value ? imm32(offset) : 0);
}

function call(name: string, id: string | undefined, options: AsmOptions): Draft {
  const code = C.BPF_JMP | C.BPF_CALL;
  const kfunc = options.kfuncs?.[name];
  if (kfunc !== undefined) return { code, src_reg: BPF_PSEUDO_KFUNC_CALL, imm: kfunc };
  if (id !== undefined) {
    const imm = imm32(id);
    const helper = name === "unknown" || name === "helper" || name === helperName(imm);
    return { code, src_reg: helper ? 0 : BPF_PSEUDO_KFUNC_CALL, imm };
  }
  const imm = name.startsWith("bpf_") ? helperId(name) : undefined;
  return imm === undefined ? { code, src_reg: BPF_PSEUDO_CALL, target: name, field: "imm" } : { code, imm };
}

/** One pattern a row of syntax. Their order matters where one form is a special case of another. */
const SYNTAX: readonly (readonly [RegExp, (match: RegExpExecArray, options: AsmOptions) => Draft])[] = [
  [/^exit$/, () => draft(find("exit", {}), {})],
  [new RegExp(`^goto ${TARGET}$`), (m) => draft(find("goto", {}), { target: target(m[1]), field: "off" })],
  [new RegExp(`^gotol ${TARGET}$`), (m) => draft(find("gotol", {}), { target: target(m[1]), field: "imm" })],
  [new RegExp(`^may_goto ${TARGET}$`), (m) => draft(find("may_goto", {}), { target: target(m[1]), field: "off" })],
  [/^gotox r(\d+)$/, (m) => draft(find("gotox", {}), { dst_reg: Number(m[1]) })],
  [/^callx r(\d+)$/, (m) => draft(find("callx", {}), { dst_reg: Number(m[1]) })],
  [/^call (?:pc)?([+-]\d+)$/, (m) => ({ code: C.BPF_JMP | C.BPF_CALL, src_reg: BPF_PSEUDO_CALL, imm: Number(m[1]) })],
  [/^call (?:helper )?(\d+)$/, (m) => ({ code: C.BPF_JMP | C.BPF_CALL, imm: imm32(m[1]) })],
  [new RegExp(String.raw`^call ([\w.-]+)(?:#(${NUM}))?$`), (m, options) => call(m[1], m[2], options)],
  [
    new RegExp(String.raw`^if ([rw])(\d+) (==|!=|s?[<>]=?|&) (?:([rw])(\d+)|(${NUM})) goto ${TARGET}$`),
    (m) => {
      const [, letter, dst, symbol, other, src, imm, to] = m;
      if (other !== undefined && other !== letter) throw new Unparsable("r and w registers mixed");
      const row = find(src === undefined ? "jump_k" : "jump_x", { symbol: symbol, width: width(letter) });
      const operand = src === undefined ? { imm: imm32(imm) } : { src_reg: Number(src) };
      return draft(row, { dst_reg: Number(dst), ...operand, target: target(to), field: "off" });
    },
  ],
  [
    /^([rw])(\d+) = -([rw])(\d+)$/,
    (m) => {
      if (m[1] !== m[3] || m[2] !== m[4]) throw new Unparsable("negation is in place");
      return draft(find("neg", { width: width(m[1]) }), { dst_reg: Number(m[2]) });
    },
  ],
  [
    /^r(\d+) = (le|be|bswap)(16|32|64) r(\d+)$/,
    (m) => {
      if (m[1] !== m[4]) throw new Unparsable("byte swaps are in place");
      return draft(find("end", { symbol: m[2], width: Number(m[3]) as 16 | 32 | 64 }), { dst_reg: Number(m[1]) });
    },
  ],
  [
    /^r(\d+) = addr_space_cast\(r(\d+), (\d+), (\d+)\)$/,
    (m) => {
      const imm = (Number(m[3]) << 16) | Number(m[4]) | 0;
      return draft(find("addr_space_cast", {}), { dst_reg: Number(m[1]), src_reg: Number(m[2]), imm });
    },
  ],
  [/^r(\d+) = map\[(id:|idx:)?([\w.-]+)\](?:(?:\[0\])?\+(\d+))?$/, mapLoad],
  [/^r(\d+) = btf\[id:(\d+)\]$/, (m) => pseudo(Number(m[1]), BPF_PSEUDO_BTF_ID, imm32(m[2]))],
  [/^r(\d+) = subprog\[([+-]\d+)\]$/, (m) => pseudo(Number(m[1]), BPF_PSEUDO_FUNC, imm32(m[2]))],
  [
    /^r(\d+) = &([A-Za-z_][\w.]*)$/,
    (m) => ({ ...pseudo(Number(m[1]), BPF_PSEUDO_FUNC, 0), target: m[2], field: "imm" }),
  ],
  [
    /^r(\d+) = ([+-]?(?:0x[0-9a-fA-F]+|\d+(?= ll)))(?: ll)?$/,
    (m) => {
      const text = m[2];
      const value = BigInt.asUintN(64, text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text));
      return pseudo(Number(m[1]), 0, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
    },
  ],
  [
    new RegExp(String.raw`^([rw])(\d+) (s?(?:[-+*/%&|^]|<<|>>)?=) (?:(?:\(s(8|16|32)\))?([rw])(\d+)|(${NUM}))$`),
    (m) => {
      const [, letter, dst, symbol, from, other, src, imm] = m;
      if (other !== undefined && other !== letter) throw new Unparsable("r and w registers mixed");
      const want = {
        symbol: symbol,
        width: width(letter),
        from: from === undefined ? undefined : (Number(from) as 8),
      };
      const row = find(src === undefined ? "alu_k" : "alu_x", want);
      return draft(row, {
        dst_reg: Number(dst),
        ...(src === undefined ? { imm: imm32(imm) } : { src_reg: Number(src) }),
      });
    },
  ],
  [
    new RegExp(String.raw`^r(\d+) = \*${MEM}$`),
    (m) => draft(find("ldx", { symbol: m[2] }), { dst_reg: Number(m[1]), src_reg: Number(m[3]), off: offset16(m[4]) }),
  ],
  [
    new RegExp(String.raw`^\*${MEM} = (?:r(\d+)|(${NUM}))$`),
    (m) => {
      const row = find(m[4] === undefined ? "st" : "stx", { symbol: m[1] });
      return draft(row, {
        dst_reg: Number(m[2]),
        off: offset16(m[3]),
        ...(m[4] === undefined ? { imm: imm32(m[5]) } : { src_reg: Number(m[4]) }),
      });
    },
  ],
  [
    new RegExp(String.raw`^lock \*${MEM} ([+&|^]=) r(\d+)$`),
    (m) =>
      draft(find("lock", { symbol: m[4], width: Number(m[1].slice(1)) as 32 }), {
        dst_reg: Number(m[2]),
        off: offset16(m[3]),
        src_reg: Number(m[5]),
      }),
  ],
  [
    new RegExp(String.raw`^r(\d+) = atomic(?:64)?_(?:fetch_(add|and|or|xor)|(xchg))\(${MEM}, r(\d+)\)$`),
    (m) => {
      const [, result, op, xchg, type, dst, off, src] = m;
      if (result !== src) throw new Unparsable("the result goes to the register of the operand");
      const row = find(xchg ? "xchg" : "fetch", { symbol: op ?? xchg, width: Number(type.slice(1)) as 32 });
      return draft(row, { dst_reg: Number(dst), off: offset16(off), src_reg: Number(src) });
    },
  ],
  [
    new RegExp(String.raw`^r0 = atomic(?:64)?_cmpxchg\(${MEM}, r0, r(\d+)\)$`),
    (m) =>
      draft(find("cmpxchg", { width: Number(m[1].slice(1)) as 32 }), {
        dst_reg: Number(m[2]),
        off: offset16(m[3]),
        src_reg: Number(m[4]),
      }),
  ],
  [
    new RegExp(String.raw`^r(\d+) = load_acquire\(${MEM}\)$`),
    (m) =>
      draft(find("load_acquire", { symbol: m[2] }), {
        dst_reg: Number(m[1]),
        src_reg: Number(m[3]),
        off: offset16(m[4]),
      }),
  ],
  [
    new RegExp(String.raw`^store_release\(${MEM}, r(\d+)\)$`),
    (m) =>
      draft(find("store_release", { symbol: m[1] }), {
        dst_reg: Number(m[2]),
        off: offset16(m[3]),
        src_reg: Number(m[4]),
      }),
  ],
  [
    new RegExp(String.raw`^r0 = \*\((u8|u16|u32) \*\)skb\[(?:r(\d+) \+ )?(${NUM})\]$`),
    (m) =>
      draft(find(m[2] === undefined ? "ld_abs" : "ld_ind", { symbol: m[1] }), {
        imm: imm32(m[3]),
        ...(m[2] === undefined ? {} : { src_reg: Number(m[2]) }),
      }),
  ],
];

function parseLine(text: string, options: AsmOptions): Draft {
  for (const [pattern, make] of SYNTAX) {
    const match = pattern.exec(text);
    if (match) return make(match, options);
  }
  throw new Unparsable("not an instruction");
}

/** Assembles `text`. Throws IsaError ISA_ASM with the line's number (from 1) in `insn`. */
export function asm(text: string, options: AsmOptions = {}): Insn[] {
  const labels = new Map<string, number>();
  const drafts: { readonly draft: Draft; readonly line: number; readonly text: string; readonly slot: number }[] = [];
  let slot = 0;
  const fail = (line: number, found: string, error: unknown): never => {
    const message = error instanceof Unparsable ? error.message : String(error);
    throw new IsaError("ISA_ASM", line, { message, where: `line ${line}`, found, cause: error });
  };
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw
      .replace(/(^|\s)(\/\/|#).*$/, "")
      .trim()
      .replace(/\s+/g, " ");
    const label = /^([A-Za-z_.][\w.]*):$/.exec(line);
    if (label) {
      labels.set(label[1], slot);
      continue;
    }
    const body = line
      .replace(/^\d+: /, "")
      .replace(/^\([0-9a-f]{2}\) /, "")
      .replace(/;$/, "");
    if (body === "") continue;
    try {
      const draft = parseLine(body, options);
      for (const register of [draft.dst_reg ?? 0, draft.src_reg ?? 0]) {
        if (register > 15) throw new Unparsable(`no register r${register}`);
      }
      drafts.push({ draft, line: index + 1, text: body, slot });
      slot += draft.high === undefined ? 1 : 2;
    } catch (error) {
      fail(index + 1, body, error);
    }
  }
  const insns: Insn[] = [];
  for (const { draft, line, text, slot } of drafts) {
    const { code, dst_reg = 0, src_reg = 0, target: to, field, high } = draft;
    const label = typeof to === "string" ? labels.get(to) : undefined;
    if (typeof to === "string" && label === undefined)
      fail(line, text, new Unparsable(`unknown label or function ${to}`));
    const distance = typeof to === "number" ? to : (label ?? 0) - slot - 1;
    const off = field === "off" ? distance : (draft.off ?? 0);
    if (off < -0x8000 || off > 0x7fff) fail(line, text, new Unparsable(`the jump of ${off} does not fit 16 bits`));
    insns.push({ code, dst_reg, src_reg, off, imm: field === "imm" ? distance : (draft.imm ?? 0) });
    if (high !== undefined) insns.push({ code: 0, dst_reg: 0, src_reg: 0, off: 0, imm: high });
  }
  return insns;
}
