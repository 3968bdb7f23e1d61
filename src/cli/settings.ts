// `--set NAME=VALUE`: parsing, without touching anything. Resolving a value (opening a file, allocating a buffer) is left to
// whoever runs the program.

import { someOf } from "../base/index.ts";
import { PARAM_BY_PATH } from "../loop/index.ts";
import { UsageError } from "./errors.ts";

/** What the right-hand side of `--set` asks for. */
export type SettingValue =
  | { readonly kind: "number"; readonly value: bigint }
  | { readonly kind: "open" | "create"; readonly path: string }
  | { readonly kind: "buffer"; readonly bytes: number }
  | { readonly kind: "param"; readonly path: string };

export interface Setting {
  readonly name: string;
  readonly value: SettingValue;
}

const UNITS: Readonly<Record<string, bigint>> = { "": 1n, k: 1n << 10n, M: 1n << 20n, G: 1n << 30n };
const MAX_BUFFER = 1n << 31n;

/** Parses `NAME=VALUE`; throws UsageError. */
export function parseSetting(text: string): Setting {
  const eq = text.indexOf("=");
  if (eq <= 0) {
    throw new UsageError("USAGE_VALUE", {
      where: `--set ${text}`,
      message: "not a setting",
      expected: "NAME=VALUE",
      remedy: "For example --set reqs_to_run=1000.",
    });
  }
  const name = text.slice(0, eq);
  return { name, value: parseValue(text.slice(eq + 1), `--set ${text}`) };
}

function parseValue(text: string, where: string): SettingValue {
  if (!text.startsWith("@")) return { kind: "number", value: parseNumber(text, where) };
  const colon = text.indexOf(":");
  const head = colon < 0 ? text.slice(1) : text.slice(1, colon);
  const rest = colon < 0 ? "" : text.slice(colon + 1);
  if (head === "open" || head === "create") {
    if (rest === "")
      throw new UsageError("USAGE_VALUE", { where, message: `@${head} names no file`, expected: `@${head}:PATH` });
    return { kind: head, path: rest };
  }
  if (head === "buffer") {
    const bytes = parseNumber(rest, where);
    if (bytes <= 0n || bytes > MAX_BUFFER) {
      throw new UsageError("USAGE_VALUE", {
        where,
        message: "the buffer's size is out of range",
        found: `${bytes}`,
        expected: "1 byte to 2 GiB",
      });
    }
    return { kind: "buffer", bytes: Number(bytes) };
  }
  if (colon < 0 && Object.hasOwn(PARAM_BY_PATH, head)) return { kind: "param", path: head };
  throw new UsageError("USAGE_VALUE", {
    where,
    message: "this kind of value is not known",
    found: text,
    expected: `a number, @open:PATH, @create:PATH, @buffer:BYTES, or @ with one of ${someOf(Object.keys(PARAM_BY_PATH), 4)}`,
  });
}

/** Decimal, 0x hexadecimal, negative, with an optional k, M or G (powers of 1024). */
export function parseNumber(text: string, where: string): bigint {
  const match = /^(-?)(0[xX][0-9a-fA-F]+|[0-9]+)([kMG]?)$/.exec(text);
  if (!match)
    throw new UsageError("USAGE_VALUE", {
      where,
      message: "not a number",
      found: `"${text}"`,
      expected: "a decimal or 0x number, with k, M or G if you like",
    });
  const value = BigInt(match[2]) * UNITS[match[3]];
  return match[1] ? -value : value;
}
