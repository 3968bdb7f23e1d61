import { describe, expect, it } from "vitest";
import { GlobalWatch } from "./global-watch.ts";
import type { Form, Member } from "./watched-globals.ts";

const u8: Form = { is: "integer", size: 1, signed: false };
const s16: Form = { is: "integer", size: 2, signed: true };
const u32: Form = { is: "integer", size: 4, signed: false };
const s64: Form = { is: "integer", size: 8, signed: true };
const slot: Form = {
  is: "struct",
  size: 8,
  members: [
    { name: "len", offset: 0, form: u32 },
    { name: "", offset: 4, form: { is: "struct", size: 2, members: [{ name: "op", offset: 0, form: u8 }] } },
    { name: "ready", offset: 6, form: { is: "bits", size: 1, shift: 0, width: 3, signed: true } },
    { name: "kind", offset: 6, form: { is: "bits", size: 1, shift: 3, width: 2, signed: false } },
  ],
};
const VARIABLES: readonly Member[] = [
  { name: "count", offset: 0, form: s64 },
  { name: "short", offset: 8, form: s16 },
  { name: "slots", offset: 16, form: { is: "array", size: 32, count: 4, of: slot } },
  { name: "text", offset: 48, form: { is: "bytes", size: 8, indexed: true } },
  { name: "either", offset: 56, form: { is: "bytes", size: 4, indexed: false } },
  { name: "ratio", offset: 64, form: { is: "float", size: 8 } },
];
const AT = 128;
const SIZE = 72;

/** What is told of `change` to a section of zeros. */
function told(change: (view: DataView) => void): string[] {
  const buffer = new ArrayBuffer(256);
  const watch = new GlobalWatch(buffer, [{ address: AT, size: SIZE, variables: VARIABLES }]);
  change(new DataView(buffer, AT, SIZE));
  const out: string[] = [];
  watch.tell((name, before, after) => out.push(`${name}: ${before} -> ${after}`));
  watch.tell((name) => out.push(`${name} told twice`));
  return out;
}

describe("a watch over globals", () => {
  const rows: readonly (readonly [what: string, change: (view: DataView) => void, told: readonly string[]])[] = [
    ["nothing", () => {}, []],
    ["a signed number", (view) => view.setBigInt64(0, -5n, true), ["count: 0 -> -5"]],
    ["the largest one", (view) => view.setBigInt64(0, 2n ** 63n - 1n, true), ["count: 0 -> 9223372036854775807"]],
    ["a number of two bytes", (view) => view.setInt16(8, -2, true), ["short: 0 -> -2"]],
    ["padding", (view) => view.setUint8(12, 1), []],
    ["a member of an element", (view) => view.setUint32(16 + 2 * 8, 7, true), ["slots[2].len: 0 -> 7"]],
    ["a member of a nameless member", (view) => view.setUint8(16 + 4, 9), ["slots[0].op: 0 -> 9"]],
    ["one bitfield of two", (view) => view.setUint8(16 + 6, 0b00_111), ["slots[0].ready: 0 -> -1"]],
    ["the other bitfield", (view) => view.setUint8(16 + 6, 0b11_000), ["slots[0].kind: 0 -> 3"]],
    ["a byte of text", (view) => view.setUint8(48 + 3, 0x61), ["text[3]: 00 -> 61"]],
    [
      "a range of it",
      (view) => [1, 4].forEach((i) => view.setUint8(48 + i, 0x62)),
      ["text[1..4]: 00000000 -> 62000062"],
    ],
    ["a union", (view) => view.setUint8(57, 0xff), ["either: 00000000 -> 00ff0000"]],
    ["a float", (view) => view.setFloat64(64, 0.5, true), ["ratio: 0 -> 0.5"]],
    [
      "several, in the order they lie",
      (view) => [64, 0].forEach((at) => view.setFloat64(at, 0.5, true)),
      ["count: 0 -> 4602678819172646912", "ratio: 0 -> 0.5"],
    ],
  ];
  it.each(rows)("tells %s once", (_what, change, expected) => {
    expect(told(change)).toEqual(expected);
  });

  it("takes what it looked at for known", () => {
    const buffer = new ArrayBuffer(256);
    const watch = new GlobalWatch(buffer, [{ address: AT, size: SIZE, variables: VARIABLES }]);
    new DataView(buffer).setInt16(AT + 8, 3, true);
    watch.look();
    new DataView(buffer).setInt16(AT + 8, 4, true);
    const out: unknown[] = [];
    watch.tell((...change) => out.push(change));
    expect(out).toEqual([["short", "3", "4"]]);
  });
});
