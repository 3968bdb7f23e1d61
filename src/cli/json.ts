// JSON of results: 64-bit values as numbers while they are exact, else as decimal strings; byte arrays as arrays.

/** JSON text of `value` on one line. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) => {
    if (typeof v === "bigint")
      return v >= BigInt(Number.MIN_SAFE_INTEGER) && v <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(v) : v.toString();
    if (v instanceof Uint8Array) return [...v];
    return v;
  });
}
