// Opening an object from a file, a URL or bytes.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { BpfObject } from "../bpf/object/index.ts";
import { LoopstepError } from "../base/index.ts";

/** A file that cannot be read. */
export class FileError extends LoopstepError<"FILE_READ"> {}

/** Reads and opens an object. Throws FileError, ElfError, BtfError or ObjectError. */
export async function openObject(source: string | URL | Uint8Array, name?: string): Promise<BpfObject> {
  if (source instanceof Uint8Array) return BpfObject.open(source, name === undefined ? {} : { name });
  const file = String(source);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(source);
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw new FileError("FILE_READ", {
      where: file,
      message: "the object cannot be read",
      found: code,
      remedy: code === "ENOENT" ? "Check the path." : undefined,
      cause,
    });
  }
  return BpfObject.open(bytes, { name: name ?? path.basename(file) });
}
