// The custom section "name" (core spec appendix, custom sections): names of functions and locals, for stack traces,
// developer tools and the text form.

import { ByteWriter } from "./byte-writer.ts";

/** Contents of the custom section; `functions[i]` names function i (imports count), undefined leaves it unnamed. */
export function encodeNames(module: string, functions: readonly (string | undefined)[]): Uint8Array {
  const out = new ByteWriter();
  out.name("name");
  const moduleName = new ByteWriter();
  moduleName.name(module);
  subsection(out, 0, moduleName);
  const map = new ByteWriter();
  map.u32(functions.filter((name) => name !== undefined).length);
  for (const [index, name] of functions.entries()) {
    if (name === undefined) continue;
    map.u32(index);
    map.name(name);
  }
  subsection(out, 1, map);
  return out.view();
}

function subsection(out: ByteWriter, id: number, contents: ByteWriter): void {
  out.u8(id);
  out.u32(contents.length);
  out.bytes(contents.view());
}
