// Tests of settings.ts.

import { describe, expect, it } from "vitest";
import { UsageError } from "./errors.ts";
import { parseNumber, parseSetting } from "./settings.ts";

describe("parseNumber", () => {
  it.each([
    ["0", 0n],
    ["42", 42n],
    ["-1", -1n],
    ["0x10", 16n],
    ["-0XfF", -255n],
    ["512k", 524_288n],
    ["64M", 67_108_864n],
    ["1G", 1_073_741_824n],
    ["0x10k", 16_384n],
    ["18446744073709551615", 18_446_744_073_709_551_615n],
  ])("%s is %s", (text, value) => {
    expect(parseNumber(text, "--set x")).toBe(value);
  });

  it.each(["", " ", "1 ", "1.5", "1e3", "+1", "--1", "0x", "k", "1K", "1m", "1kk", "0b1", "0o7", "1_000", "١"])(
    "%j is none",
    (text) => {
      expect(() => parseNumber(text, "--set x")).toThrow(UsageError);
    },
  );
});

describe("parseSetting", () => {
  it.each([
    ["a=1", "a", { kind: "number", value: 1n }],
    ["a=-0x2", "a", { kind: "number", value: -2n }],
    ["fd=@open:some file:with=signs", "fd", { kind: "open", path: "some file:with=signs" }],
    ["fd=@create:/x", "fd", { kind: "create", path: "/x" }],
    ["b=@buffer:4k", "b", { kind: "buffer", bytes: 4096 }],
    ["o=@cq_off.head", "o", { kind: "param", path: "cq_off.head" }],
    ["o=@sq_entries", "o", { kind: "param", path: "sq_entries" }],
  ])("%s", (text, name, value) => {
    expect(parseSetting(text)).toEqual({ name, value });
  });

  it.each([
    ["", /NAME=VALUE/],
    ["a", /NAME=VALUE/],
    ["=1", /NAME=VALUE/],
    ["a=", /not a number/],
    ["a=@", /not known/],
    ["a=@open", /@open:PATH/],
    ["a=@create:", /@create:PATH/],
    ["a=@buffer", /not a number/],
    ["a=@buffer:-1", /out of range/],
    ["a=@buffer:3G", /out of range/],
    ["a=@cq_off.nose", /not known/],
    ["a=@sq_entries:1", /not known/],
    ["a=@toString", /not known/],
  ])("%j is refused", (text, says) => {
    expect(() => parseSetting(text)).toThrow(UsageError);
    expect(() => parseSetting(text)).toThrow(says);
  });
});
