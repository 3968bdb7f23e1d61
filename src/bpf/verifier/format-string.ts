// The format strings of bpf_snprintf() (bpf_bprintf_prepare of kernel/bpf/helpers.c at v7.2): which conversions there are and
// how many arguments they take.

import { EINVAL } from "../../base/index.ts";

const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39;
const isAscii = (c: number): boolean => c < 0x80;
const isPrintable = (c: number): boolean => c >= 0x20 && c < 0x7f;
// the kernel's classes are those of Latin-1
const isSpace = (c: number): boolean => c === 0x20 || (c >= 9 && c <= 13) || c === 0xa0;
const isPunct = (c: number): boolean =>
  isAscii(c)
    ? isPrintable(c) && !isSpace(c) && !isDigit(c) && !((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a)
    : (c > 0xa0 && c <= 0xbf) || c === 0xd7 || c === 0xf7;
const code = (text: string): number => text.charCodeAt(0);

/** 0, or the errno the kernel refuses the format with; `count` arguments are given, of which it need not use all. */
export function checkFormat(format: Uint8Array, count: number): number {
  let used = 0;
  for (let i = 0; i < format.length; i++) {
    // text in UTF-8 passes, control characters do not
    if (isAscii(format[i]) && !isPrintable(format[i]) && !isSpace(format[i])) return EINVAL;
    if (format[i] !== code("%")) continue;
    if (format[i + 1] === code("%")) {
      i++;
      continue;
    }
    if (used >= count) return EINVAL;
    i++;
    if (!isAscii(format[i] ?? 0)) return EINVAL;
    while ([code("0"), code("+"), code("-"), code(" ")].includes(format[i] ?? 0)) i++;
    if (isDigit(format[i] ?? 0)) while (isDigit(format[i] ?? 0)) i++;
    const end = conversion(format, i);
    if (end < 0) return EINVAL;
    i = end;
    used++;
  }
  return 0;
}

/** Index of the last character of a conversion that starts at `i`, or -1. */
function conversion(format: Uint8Array, i: number): number {
  const at = (k: number): string => String.fromCharCode(format[k] ?? 0);
  const ends = (k: number): boolean => {
    const c = format[k];
    return c === undefined || isSpace(c) || isPunct(c);
  };
  switch (at(i)) {
    case "p": {
      const next = at(i + 1);
      if ((next === "k" || next === "u") && at(i + 2) === "s") return ends(i + 3) ? i + 2 : -1;
      if (next === "K" || next === "x" || next === "s" || next === "S" || next === "B") return i + 1;
      if (next === "i" || next === "I") return at(i + 2) === "4" || at(i + 2) === "6" ? i + 2 : -1;
      return ends(i + 1) ? i : -1;
    }
    case "s":
      return ends(i + 1) ? i : -1;
    case "c":
      return i;
    case "l": {
      const k = at(i + 1) === "l" ? i + 2 : i + 1;
      return "diux".includes(at(k)) || at(k) === "X" ? k : -1;
    }
    case "d":
    case "i":
    case "u":
    case "x":
    case "X":
      return i;
    default:
      return -1;
  }
}
