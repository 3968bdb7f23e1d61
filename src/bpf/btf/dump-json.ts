// BTF as plain data for JSON: types as they are decoded, with their ids, and 64-bit numbers beyond 2^53 as decimal strings.

import type { Btf } from "./btf.ts";

const plain = (value: bigint): number | string =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : `${value}`;

/** The own types of `btf`, one object each. Throws BtfError. */
export function* dumpJson(btf: Btf): Generator<Record<string, unknown>> {
  for (let id = btf.firstId; id < btf.nrTypes; id++) {
    const type = btf.type(id);
    yield type.kind === "ENUM" || type.kind === "ENUM64"
      ? { id, ...type, values: type.values.map(({ name, val }) => ({ name, val: plain(val) })) }
      : { id, ...type };
  }
}
