// One line of verdicts.jsonl: what Linux said of an object and, where it accepted it, what the loop did.

/** What is recorded of every object. */
export interface RecordedVerdict {
  readonly program: string;
  readonly why: string;
  readonly section: string;
  readonly verdict: string;
  readonly errno: number;
  readonly error: string;
  readonly messages: readonly string[];
  readonly insn_cnt: number;
  readonly processed: number;
  readonly stack_depth: string;
  readonly mcpu: string;
  readonly object: string;
  readonly source: string;
  /** Why the engines here do not run it. */
  readonly not_run_here?: string;
  /** The kernel's log of level 1, where it was kept. */
  readonly log?: string;
}

/** What is recorded of an accepted one besides. */
export interface RecordedRun {
  readonly attach_errno: number;
  readonly run_ret: number;
  readonly run_interrupted: number;
  readonly out: readonly string[];
  readonly cq_head: number;
  readonly cq_tail: number;
  readonly mem_fnv1a: string;
  readonly sq_fnv1a: string;
  readonly mem_first64: string;
  readonly unstable?: boolean;
}

export type Recorded = RecordedVerdict & Partial<RecordedRun>;
