// BTF from whatever holds it: a BTF file (as /sys/kernel/btf/vmlinux is), or an object's section .BTF.

import { readElf } from "../../elf/index.ts";
import { Btf } from "../btf/index.ts";
import { ObjectError } from "./errors.ts";

/** The BTF in `bytes`, as it stands there; `base` for that of a module. Throws BtfError, ElfError, OBJECT_NO_BTF. */
export function loadBtf(bytes: Uint8Array, base?: Btf): Btf {
  if (bytes[0] !== 0x7f) return Btf.parse(bytes, base);
  const section = readElf(bytes).sections.find((candidate) => candidate.name === ".BTF");
  if (section !== undefined) return Btf.parse(section.data, base);
  throw new ObjectError("OBJECT_NO_BTF", {
    message: "the file has no BTF",
    expected: "a section .BTF",
    remedy: "Compile with -g",
  });
}
