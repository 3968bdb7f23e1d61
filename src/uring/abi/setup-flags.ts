// Setup flags: bit, first kernel, and the rules io_uring_setup(2) applies, in the kernel's order (io_uring/io_uring.c at
// v7.2: the mask of known flags, then the combinations, then the entries, then the sizes).

import { didYouMean, LoopstepError, EINVAL, EOVERFLOW } from "../../base/index.ts";
import { IORING_SETUP } from "./constants.ts";
import { formatKernelVersion, isAtLeast, type KernelVersion } from "./kernel-version.ts";
import type { SetupRequest } from "./params.ts";

/** A flag name without its prefix: "DEFER_TASKRUN". */
export type SetupFlag = keyof typeof SINCE;

/** First kernel of each flag. */
const SINCE = {
  IOPOLL: "5.1",
  SQPOLL: "5.1",
  SQ_AFF: "5.1",
  CQSIZE: "5.5",
  CLAMP: "5.6",
  ATTACH_WQ: "5.6",
  R_DISABLED: "5.10",
  SUBMIT_ALL: "5.18",
  COOP_TASKRUN: "5.19",
  TASKRUN_FLAG: "5.19",
  SQE128: "5.19",
  CQE32: "5.19",
  SINGLE_ISSUER: "6.0",
  DEFER_TASKRUN: "6.1",
  NO_MMAP: "6.5",
  REGISTERED_FD_ONLY: "6.5",
  NO_SQARRAY: "6.6",
  HYBRID_IOPOLL: "6.13",
  CQE_MIXED: "6.18",
  SQE_MIXED: "6.19",
  SQ_REWIND: "7.0",
} as const;

/** One setup flag. */
export interface SetupFlagRow {
  readonly name: SetupFlag;
  readonly bit: number;
  /** First kernel that knows it, "major.minor". */
  readonly since: string;
}

/** All setup flags of Linux 7.2, by bit. */
export const SETUP_FLAGS: readonly SetupFlagRow[] = (Object.entries(SINCE) as [SetupFlag, string][]).map(
  ([name, since]) => ({ name, bit: IORING_SETUP[`IORING_SETUP_${name}`], since }),
);

/** Combinations the kernel refuses with -EINVAL. `needs`: at least one of them; `excludes`: none of them. */
export interface SetupRule {
  readonly flag: SetupFlag;
  readonly needs?: readonly SetupFlag[];
  readonly excludes?: readonly SetupFlag[];
  readonly why: string;
}

/** In the order in which the kernel looks. */
export const SETUP_RULES: readonly SetupRule[] = [
  { flag: "SQ_REWIND", excludes: ["SQPOLL"], why: "the poll thread needs the SQ tail that SQ_REWIND ignores" },
  { flag: "SQ_REWIND", needs: ["NO_SQARRAY"], why: "SQ_REWIND reads the first SQEs, not an index array" },
  { flag: "REGISTERED_FD_ONLY", needs: ["NO_MMAP"], why: "without a file descriptor nothing can be mapped" },
  {
    flag: "SQPOLL",
    excludes: ["COOP_TASKRUN", "TASKRUN_FLAG", "DEFER_TASKRUN"],
    why: "the poll thread runs the task work",
  },
  {
    flag: "TASKRUN_FLAG",
    needs: ["COOP_TASKRUN", "DEFER_TASKRUN"],
    why: "the flag word tells of deferred task work only",
  },
  { flag: "HYBRID_IOPOLL", needs: ["IOPOLL"], why: "it is a way of polling" },
  { flag: "DEFER_TASKRUN", needs: ["SINGLE_ISSUER"], why: "deferred work runs in the one task that submits" },
  { flag: "CQE32", excludes: ["CQE_MIXED"], why: "a ring of large CQEs has no small ones to mix in" },
  { flag: "SQE128", excludes: ["SQE_MIXED"], why: "a ring of large SQEs has no small ones to mix in" },
];

/** Rules checked only after the entries (the submission offload is set up last). */
const LATE_RULES: readonly SetupRule[] = [
  { flag: "SQ_AFF", needs: ["SQPOLL"], why: "the CPU is that of the poll thread" },
];

/** Most SQ and CQ entries of a ring. */
export const IORING_MAX_ENTRIES = 32768;
export const IORING_MAX_CQ_ENTRIES: number = 2 * IORING_MAX_ENTRIES;

/** A setup flag that does not exist. */
export class SetupFlagError extends LoopstepError<"URING_SETUP_FLAG"> {}

/** The bits of flag names, with or without `IORING_SETUP_`. Throws SetupFlagError naming the nearest flag. */
export function parseSetupFlags(names: Iterable<string>): number {
  let flags = 0;
  for (const name of names) {
    const short = name
      .trim()
      .toUpperCase()
      .replace(/^IORING_SETUP_/, "");
    const row = SETUP_FLAGS.find((row) => row.name === short);
    if (row === undefined) {
      throw new SetupFlagError("URING_SETUP_FLAG", {
        message: "no such io_uring setup flag",
        found: `"${name}"`,
        remedy: didYouMean(short, Object.keys(SINCE)) ?? `Flags are ${Object.keys(SINCE).join(", ")}.`,
      });
    }
    flags |= row.bit;
  }
  return flags;
}

/** Names of the bits of `flags`; unknown bits as hex. */
export function setupFlagNames(flags: number): string[] {
  const names: string[] = SETUP_FLAGS.filter((row) => flags & row.bit).map((row) => row.name);
  const unknown = SETUP_FLAGS.reduce((rest, row) => rest & ~row.bit, flags) >>> 0;
  return unknown === 0 ? names : [...names, `0x${unknown.toString(16)}`];
}

/** What io_uring_setup(2) would say. `errno` is 0 or negative; `flag` the one at fault. */
export interface SetupVerdict {
  readonly errno: number;
  readonly why: string;
  readonly flag?: SetupFlag;
}

const GOOD: SetupVerdict = { errno: 0, why: "allowed" };

/** Whether a kernel of that version accepts the request, and if not, why. Privilege and memory are not looked at. */
export function checkSetup(request: SetupRequest, version: KernelVersion): SetupVerdict {
  return (
    checkKnown(request.flags, version) ??
    checkRules(request.flags, SETUP_RULES) ??
    checkEntries(request) ??
    checkRules(request.flags, LATE_RULES) ??
    GOOD
  );
}

function has(flags: number, name: SetupFlag): boolean {
  return (flags & IORING_SETUP[`IORING_SETUP_${name}`]) !== 0;
}

function checkKnown(flags: number, version: KernelVersion): SetupVerdict | undefined {
  const unknown = SETUP_FLAGS.reduce((rest, row) => rest & ~row.bit, flags) >>> 0;
  if (unknown !== 0) return { errno: -EINVAL, why: `bits 0x${unknown.toString(16)} mean nothing to Linux 7.2` };
  const young = SETUP_FLAGS.find((row) => flags & row.bit && !isAtLeast(version, row.since));
  return (
    young && {
      errno: -EINVAL,
      flag: young.name,
      why: `${young.name} needs Linux ${young.since}, this is ${formatKernelVersion(version)}`,
    }
  );
}

function checkRules(flags: number, rules: readonly SetupRule[]): SetupVerdict | undefined {
  for (const { flag, needs, excludes, why } of rules) {
    if (!has(flags, flag)) continue;
    if (needs && !needs.some((other) => has(flags, other))) {
      return { errno: -EINVAL, flag, why: `${flag} needs ${needs.join(" or ")}: ${why}` };
    }
    const clash = excludes?.find((other) => has(flags, other));
    if (clash) return { errno: -EINVAL, flag, why: `${flag} and ${clash} exclude each other: ${why}` };
  }
  return undefined;
}

function checkEntries({ entries, cq_entries = 0, flags }: SetupRequest): SetupVerdict | undefined {
  if (entries === 0) return { errno: -EINVAL, why: "a ring needs at least one SQ entry" };
  if (entries > IORING_MAX_ENTRIES && !has(flags, "CLAMP")) {
    return { errno: -EINVAL, why: `${entries} SQ entries, at most ${IORING_MAX_ENTRIES} without CLAMP` };
  }
  if (has(flags, "CQSIZE")) {
    if (cq_entries === 0) return { errno: -EINVAL, flag: "CQSIZE", why: "CQSIZE asks for 0 CQ entries" };
    if (cq_entries > IORING_MAX_CQ_ENTRIES && !has(flags, "CLAMP")) {
      return {
        errno: -EINVAL,
        flag: "CQSIZE",
        why: `${cq_entries} CQ entries, at most ${IORING_MAX_CQ_ENTRIES} without CLAMP`,
      };
    }
  }
  const [sq, cq] = roundEntries({ entries, cq_entries, flags });
  if (cq < sq) return { errno: -EINVAL, flag: "CQSIZE", why: `${cq} CQ entries are fewer than ${sq} SQ entries` };
  if (has(flags, "CQE_MIXED") && cq < 2)
    return { errno: -EOVERFLOW, flag: "CQE_MIXED", why: "a mixed CQ needs two entries" };
  if (has(flags, "SQE_MIXED") && sq < 2)
    return { errno: -EOVERFLOW, flag: "SQE_MIXED", why: "a mixed SQ needs two entries" };
  return undefined;
}

/** SQ and CQ entries as the kernel rounds them: powers of two, clamped with CLAMP, twice the SQ without CQSIZE. */
export function roundEntries({ entries, cq_entries = 0, flags }: SetupRequest): [sq: number, cq: number] {
  const clamp = has(flags, "CLAMP");
  const sq = powerOfTwo(clamp ? Math.min(entries, IORING_MAX_ENTRIES) : entries);
  if (!has(flags, "CQSIZE")) return [sq, 2 * sq];
  return [sq, powerOfTwo(clamp ? Math.min(cq_entries, IORING_MAX_CQ_ENTRIES) : cq_entries)];
}

function powerOfTwo(n: number): number {
  return n <= 1 ? 1 : 2 ** (32 - Math.clz32(n - 1));
}
