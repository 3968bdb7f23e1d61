// The format strings of bpf_trace_printk, bpf_trace_vprintk and bpf_snprintf: what bpf_bprintf_prepare of
// kernel/bpf/helpers.c takes at v7.2 (%d %i %u %x %X with l or ll, %c, %s, %p and %px; widths and zero padding), the rest
// is -EINVAL as there. Left out: the address families of %p (%pI4, %pB and so on), which print as plain %px.

import { EINVAL } from "../../base/index.ts";

const DIRECTIVE = /%(?:%|([-+ #0]*)(\d*)(?:(l{0,2})([diuxX])|(c)|([kup]?s)|p([a-zA-Z0-9]*)))/y;

function pad(text: string, flags: string, width: number): string {
  if (flags.includes("-")) return text.padEnd(width);
  if (!flags.includes("0")) return text.padStart(width);
  const sign = /^[-+ ]|^0x/.exec(text)?.[0] ?? "";
  return sign + text.slice(sign.length).padStart(width - sign.length, "0");
}

function integer(value: bigint, long: string, type: string, flags: string): string {
  const bits = long === "" ? 32 : 64;
  if (type === "d" || type === "i") {
    const signed = BigInt.asIntN(bits, value);
    const plus = signed >= 0n ? (flags.includes("+") ? "+" : flags.includes(" ") ? " " : "") : "";
    return plus + signed.toString();
  }
  const unsigned = BigInt.asUintN(bits, value);
  if (type === "u") return unsigned.toString();
  const hex = (flags.includes("#") ? "0x" : "") + unsigned.toString(16);
  return type === "X" ? hex.toUpperCase() : hex;
}

/**
 * `format` with `args` (64 bits each, unsigned) put in, or -EINVAL for a directive that is not allowed or lacks its
 * argument. `text` reads the string at an address.
 */
export function formatPrintk(
  format: string,
  args: readonly bigint[],
  text: (address: bigint) => string,
): string | number {
  let out = "";
  let used = 0;
  for (let at = 0; at < format.length;) {
    const next = format.indexOf("%", at);
    if (next < 0) return out + format.slice(at);
    out += format.slice(at, next);
    DIRECTIVE.lastIndex = next;
    const match = DIRECTIVE.exec(format);
    if (!match) return -EINVAL;
    at = next + match[0].length;
    if (match[0] === "%%") {
      out += "%";
      continue;
    }
    const arg = args[used++];
    if (arg === undefined) return -EINVAL;
    const [, flags = "", width = "", long, type, char, string] = match;
    let piece: string;
    if (type !== undefined) piece = integer(arg, long ?? "", type, flags);
    else if (char !== undefined) piece = String.fromCharCode(Number(arg & 0xffn));
    else if (string !== undefined) piece = text(arg);
    else piece = arg.toString(16).padStart(16, "0");
    out += pad(piece, type === undefined ? flags.replace("0", "") : flags, Number(width));
  }
  return out;
}
