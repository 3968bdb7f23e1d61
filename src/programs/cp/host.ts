// The host's side of `cp`: files opened, buffers handed out, the result in words.

import type { Engine, RunOptions, RunStats } from "../../loop/index.ts";
import { checkWhole, ProgramError } from "../errors.ts";
import { runReady } from "../ready-run.ts";
import { isSameFile } from "../same-file.ts";

const DEFAULT_BUFFER_SIZE = 256 << 10;
const DEFAULT_BUFFERS = 8;
const MAX_BUFFER_SIZE = 2 ** 32 - 1;
const MAX_BUFFERS = 64;

/** How to copy. */
export interface CopyOptions extends RunOptions {
  /** Bytes of a buffer, 1..2^32-1; default 256 KiB. */
  readonly bufferSize?: number;
  /** Buffers, that is requests in flight, 1..64; default 8. */
  readonly buffers?: number;
}

/** What was copied. */
export interface CopyResult {
  readonly bytes: bigint;
  readonly reads: bigint;
  readonly writes: bigint;
  readonly stats: RunStats;
}

/**
 * Copies `from` to `to`, which is created, or truncated first. Throws ProgramError (the request that failed, its errno and
 * offset; the same file twice; an option out of range), LoopError, and what opening a file throws. A failed copy leaves what was written so far.
 */
export async function copyFile(
  engine: Engine,
  from: string,
  to: string,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const source = engine.openFile(from, "read");
  try {
    if (isSameFile(from, to)) {
      throw new ProgramError("PROGRAM_SAME_FILE", 0, `${from} and ${to} are the same file`, {
        remedy: "Give another target; nothing was changed.",
      });
    }
    const target = engine.openFile(to, "create");
    try {
      return await copyDescriptor(engine, source, target, options);
    } finally {
      engine.closeFile(target);
    }
  } finally {
    engine.closeFile(source);
  }
}

/**
 * Copies everything of `source` to `target`, descriptors of the engine's world, from offset 0 of both where they have
 * offsets. A target opened with O_APPEND needs `buffers: 1`: Linux then ignores where a write was meant for.
 */
export async function copyDescriptor(
  engine: Engine,
  source: number,
  target: number,
  { bufferSize = DEFAULT_BUFFER_SIZE, buffers = DEFAULT_BUFFERS, ...run }: CopyOptions = {},
): Promise<CopyResult> {
  checkWhole("bufferSize", bufferSize, 1, MAX_BUFFER_SIZE);
  checkWhole("buffers", buffers, 1, MAX_BUFFERS);
  using memory = engine.buffer(bufferSize * buffers);
  const values = {
    in_fd: source,
    out_fd: target,
    buffers: memory.address,
    buffer_size: bufferSize,
    nr_buffers: buffers,
  };
  const { stats, globals } = await runReady(engine, "cp", buffers, values, run);
  const counter = (name: string): bigint => globals[name] as bigint;
  return { bytes: counter("bytes_copied"), reads: counter("reads"), writes: counter("writes"), stats };
}
