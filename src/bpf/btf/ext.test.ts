// .BTF.ext: read, written, read again; and every malformed form.

import { expect, test } from "vitest";
import { fixture, LOOPS } from "../../../testdata/elf/fixtures.ts";
import { readElf } from "../../elf/index.ts";
import { Btf } from "./btf.ts";
import { BtfError } from "./errors.ts";
import { emitBtfWithExt } from "./ext-emit.ts";
import { parseBtfExt } from "./ext-info.ts";

function load(name: string): { btf: Btf; bytes: Uint8Array } {
  const { sections } = readElf(fixture(name));
  const data = (wanted: string): Uint8Array => sections.find((section) => section.name === wanted)!.data;
  return { btf: Btf.parse(data(".BTF")), bytes: data(".BTF.ext") };
}

test.each([...LOOPS, "core.clang19.v4"])("round trip of %s", (name) => {
  const { btf, bytes } = load(name);
  const ext = parseBtfExt(bytes, btf);
  const types = Array.from({ length: btf.nrTypes - 1 }, (_, i) => btf.type(i + 1));
  const written = emitBtfWithExt(types, ext);
  const back = Btf.parse(written.btf);
  expect(parseBtfExt(written.ext, back)).toEqual(ext);
  expect(Array.from({ length: back.nrTypes - 1 }, (_, i) => back.type(i + 1))).toEqual(types);
  expect(ext.funcs.get("struct_ops/step")?.length ?? ext.funcs.get("struct_ops.s/step")!.length).toBe(1);
});

test("no parts make an empty section", () => {
  const written = emitBtfWithExt([], {});
  expect(parseBtfExt(written.ext, Btf.parse(written.btf))).toEqual({
    funcs: new Map(),
    lines: new Map(),
    relos: new Map(),
  });
});

test("cut off or changed anywhere: a BtfError, or a reading", () => {
  const { btf, bytes } = load("core.clang19.v4");
  const attempt = (changed: Uint8Array): void => {
    try {
      parseBtfExt(changed, btf);
    } catch (error) {
      expect(error).toBeInstanceOf(BtfError);
    }
  };
  for (let length = 0; length < bytes.length; length++) attempt(bytes.slice(0, length));
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0xff, bytes[at] ^ 4]) {
      const copy = bytes.slice();
      copy[at] = value;
      attempt(copy);
    }
  }
});
