// The host's side of `nops`.

import type { Engine, RunOptions, RunStats } from "../../loop/index.ts";
import { checkWhole } from "../errors.ts";
import { runReady } from "../ready-run.ts";

const MAX_DEPTH = 32768;

/** What a run of NOPs did. */
export interface NopsResult {
  /** Requests completed. */
  readonly requests: bigint;
  readonly steps: bigint;
  readonly stats: RunStats;
}

/**
 * Runs `count` NOP requests with `depth` of them in flight (1..32768, default 8). Throws ProgramError, LoopError, and
 * BtfError for a number out of range.
 */
export async function runNops(
  engine: Engine,
  count: number | bigint,
  depth = 8,
  options: RunOptions = {},
): Promise<NopsResult> {
  checkWhole("depth", depth, 1, MAX_DEPTH);
  const values = { reqs_to_run: count, queue_depth: depth };
  const { stats, globals } = await runReady(engine, "nops", depth, values, options);
  return { requests: globals["reqs_done"] as bigint, steps: globals["steps"] as bigint, stats };
}
