// Opening an object from a file, a URL or bytes.

import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { BpfObject } from "../bpf/object/index.ts";
import { readWhole, unreadable } from "./read-whole.ts";

const WHAT = "the object";

/** The bytes of an object's file. Throws FileError. */
export async function readObject(source: string | URL): Promise<Uint8Array> {
  try {
    return (await stat(source)).isFile() ? await readFile(source) : readWhole(source, WHAT);
  } catch (cause) {
    throw unreadable(String(source), WHAT, cause);
  }
}

/** Reads and opens an object. Throws FileError, ElfError, BtfError or ObjectError. */
export async function openObject(source: string | URL | Uint8Array, name?: string): Promise<BpfObject> {
  if (source instanceof Uint8Array) return BpfObject.open(source, name === undefined ? {} : { name });
  const bytes = await readObject(source);
  return BpfObject.open(bytes, { name: name ?? path.basename(String(source)) });
}
