// Numbers in text: bpf_strtol and bpf_strtoul (kernel/bpf/helpers.c at v7.2).

import { EINVAL, ERANGE } from "../../base/index.ts";
import type { VmHost } from "./host.ts";

const BASES: ReadonlySet<number> = new Set([0, 8, 10, 16]);
/** Characters looked at behind blanks and sign. */
const LONGEST = 63;
const MOST = (1n << 64n) - 1n;

/** The number at the start of `text`, with the characters it takes; or a negative errno. */
function parse(text: string, flags: number): { value: bigint; negative: boolean; taken: number } | number {
  if (text.length === 0 || !BASES.has(flags)) return -EINVAL;
  const [lead = ""] = /^[ \t\n\v\f\r\xa0]*-?/.exec(text) ?? [];
  const rest = text.slice(lead.length, lead.length + LONGEST);
  if (rest.length === 0) return -EINVAL;
  const hex = /^0x[0-9a-f]/i.test(rest);
  const base = flags !== 0 ? flags : hex ? 16 : rest.startsWith("0") ? 8 : 10;
  const prefix = base === 16 && /^0x/i.test(rest) ? 2 : 0;
  const digits = { 8: /^[0-7]*/, 10: /^\d*/, 16: /^[\da-f]*/i }[base]!.exec(rest.slice(prefix))![0];
  if (digits === "") return -EINVAL;
  const value = BigInt({ 8: "0o", 10: "", 16: "0x" }[base]! + digits);
  if (value > MOST) return -ERANGE;
  return { value, negative: lead.endsWith("-"), taken: lead.length + prefix + digits.length };
}

function convert(host: VmHost, at: number, size: number, flags: number, result: number, signed: boolean): number {
  const length = size >>> 0;
  host.check(at, length, false);
  host.check(result, 8, true);
  const { u8, view } = host.memory;
  view.setBigUint64(result, 0n, true);
  const parsed = parse(String.fromCharCode(...u8.subarray(at, at + length)), flags);
  if (typeof parsed === "number") return parsed;
  const { value, negative, taken } = parsed;
  if (!signed && negative) return -EINVAL;
  const given = negative ? -value : value;
  if (signed && BigInt.asIntN(64, given) !== given) return -ERANGE;
  view.setBigUint64(result, BigInt.asUintN(64, given), true);
  return taken;
}

/** bpf_strtol() */
export const strtol = (host: VmHost, at: number, size: number, flags: number, result: number): number =>
  convert(host, at, size, flags, result, true);

/** bpf_strtoul() */
export const strtoul = (host: VmHost, at: number, size: number, flags: number, result: number): number =>
  convert(host, at, size, flags, result, false);
