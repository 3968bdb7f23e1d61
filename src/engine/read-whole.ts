// Reading a file as a whole, also one whose length nobody knows beforehand: a pipe, a device.

import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { concatBytes, LoopstepError } from "../base/index.ts";

/** A file that cannot be read. */
export class FileError extends LoopstepError<"FILE_READ"> {}

/** More of what has no length is refused: a device may never end. */
const LONGEST = 1 << 28;
const CHUNK = 1 << 16;

/** Why `what` in the file `where` cannot be read; an error of this project stays what it is. */
export function unreadable(where: string, what: string, cause: unknown): LoopstepError {
  if (cause instanceof LoopstepError) return cause;
  const { code = "unknown" } = cause as NodeJS.ErrnoException;
  return new FileError("FILE_READ", {
    where,
    message: `${what} cannot be read`,
    found: code,
    remedy: code === "ENOENT" ? "Check the path." : undefined,
    cause,
  });
}

/**
 * The bytes of a file, or of what a descriptor is open on. Throws FileError, telling the `what` that cannot be read, also for
 * a pipe or device that goes on beyond `longest` bytes.
 */
export function readWhole(file: string | URL | number, what: string, longest: number = LONGEST): Uint8Array {
  const where = typeof file === "number" ? "-" : String(file);
  let fd: number | undefined;
  try {
    fd = typeof file === "number" ? file : openSync(file, "r");
    return fstatSync(fd).isFile() ? readFileSync(fd) : readToEnd(fd, where, what, longest);
  } catch (cause) {
    throw unreadable(where, what, cause);
  } finally {
    if (fd !== undefined && fd !== file) closeSync(fd);
  }
}

function readToEnd(fd: number, where: string, what: string, longest: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let total = 0; ;) {
    const chunk = new Uint8Array(CHUNK);
    const got = readSync(fd, chunk);
    if (got === 0) return concatBytes(chunks);
    total += got;
    if (total > longest) {
      throw new FileError("FILE_READ", {
        where,
        message: `${what} does not end`,
        found: `more than ${longest} bytes`,
        remedy: "Give a file.",
      });
    }
    chunks.push(chunk.subarray(0, got));
  }
}
