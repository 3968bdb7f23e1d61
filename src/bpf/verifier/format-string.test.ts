import { describe, expect, it } from "vitest";
import { checkFormat } from "./format-string.ts";

const EINVAL = 22;

/** [format, arguments given, refused] */
const CASES: readonly (readonly [format: string, count: number, refused: boolean])[] = [
  ["plain", 0, false],
  ["%d %x", 2, false],
  ["%d %x", 1, true],
  ["%d", 3, false],
  ["100%%", 0, false],
  ["%-08lld|%5u", 2, false],
  ["%q", 1, true],
  ["%", 1, true],
  ["a\u0001b", 0, true],
  ["tab\tand\nline", 0, false],
  // beyond ASCII: as text, but not in a conversion
  ["z\u00fcrich", 0, false],
  ["%\u00fc", 1, true],
  // a string must end there
  ["%s", 1, false],
  ["%s!", 1, false],
  ["%sx", 1, true],
  ["%s\u00a0", 1, false],
  ["%s\u00e9", 1, true],
  ["%pks %pus", 2, false],
  ["%pksx", 1, true],
  ["%p %pK %px %pi4 %pI6", 5, false],
  ["%pi5", 1, true],
  ["%c%c", 2, false],
];

describe("a format of bpf_snprintf", () => {
  it.each(CASES)("%j with %d arguments, refused: %s", (format, count, refused) => {
    const bytes = Uint8Array.from(format, (char) => char.charCodeAt(0));
    expect(checkFormat(bytes, count)).toBe(refused ? EINVAL : 0);
  });
});
