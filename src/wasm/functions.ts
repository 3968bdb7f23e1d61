// Function section (core spec 5.5.6): the type of each function that has a body here.

import { ByteWriter } from "./byte-writer.ts";

/** Section contents for functions of these type indices. */
export function encodeFunctions(types: readonly number[]): Uint8Array {
  const out = new ByteWriter();
  if (types.length === 0) return out.view();
  out.u32(types.length);
  for (const type of types) out.u32(type);
  return out.view();
}
