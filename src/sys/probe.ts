// Whether io_uring works here, what it can do, and if not, why not and what helps. Asks the kernel, not its version.

import { describeErrno, errnoName, getField, viewOf, EINVAL } from "../base/index.ts";
import {
  encodeParams,
  formatKernelVersion,
  io_uring_params,
  IORING_FEAT,
  IORING_REGISTER,
  OPTABLE,
  parseSetupFlags,
  SETUP_FLAGS,
  type OpName,
  type SetupFlag,
} from "../uring/abi/index.ts";
import { close, io_uring_register, io_uring_setup } from "./calls.ts";
import { remedyOf, SysError } from "./errors.ts";
import { ioUringDisabled, kernelVersion } from "./kernel.ts";
import { openSys } from "./koffi.ts";
import { decodeProbe, PROBE_BYTES } from "./probe-ops.ts";
import type { Sys } from "./types.ts";

/** What this system's io_uring can do, or why there is none. */
export type UringProbe = UringAvailable | UringUnavailable;

/** io_uring works. */
export interface UringAvailable {
  readonly available: true;
  readonly kernel: string;
  readonly why: string;
  /** IORING_FEAT bits and their names. */
  readonly features: number;
  readonly featureNames: readonly string[];
  /** Requests this kernel supports. */
  readonly ops: readonly OpName[];
  /** Setup flags this kernel knows. */
  readonly setupFlags: readonly SetupFlag[];
}

/** io_uring does not work. `errno` is positive, 0 when no system call could be made. */
export interface UringUnavailable {
  readonly available: false;
  readonly kernel: string;
  readonly errno: number;
  readonly errnoName: string;
  readonly why: string;
  readonly remedy: string;
}

/** What a flag needs beside it to be valid; the rest is valid alone. */
const COMPANIONS: Partial<Record<SetupFlag, readonly SetupFlag[]>> = {
  SQ_AFF: ["SQPOLL"],
  TASKRUN_FLAG: ["COOP_TASKRUN"],
  DEFER_TASKRUN: ["SINGLE_ISSUER"],
  HYBRID_IOPOLL: ["IOPOLL"],
  SQ_REWIND: ["NO_SQARRAY"],
  REGISTERED_FD_ONLY: ["NO_MMAP"],
};

/** Probes the running kernel. Never throws. `sys`: default the real one. */
export function probeIoUring(sys?: Sys): UringProbe {
  const kernel = formatKernelVersion(kernelVersion());
  let real: Sys;
  try {
    real = sys ?? openSys();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return {
      available: false,
      kernel,
      errno: 0,
      errnoName: error.code,
      why: error.message,
      remedy: error.remedy ?? "",
    };
  }
  const bytes = new Uint8Array(io_uring_params.size);
  encodeParams({ entries: 2, flags: 0 }, bytes);
  const fd = io_uring_setup(real, 2, real.addressOf(bytes));
  if (fd < 0) return unavailable(kernel, fd);
  const features = Number(getField(io_uring_params, viewOf(bytes), 0, "features"));
  const probe = new Uint8Array(PROBE_BYTES);
  const probed = io_uring_register(real, fd, IORING_REGISTER.IORING_REGISTER_PROBE, real.addressOf(probe), 256);
  close(real, fd);
  const ops = probed < 0 ? new Set<number>() : decodeProbe(probe);
  return {
    available: true,
    kernel,
    why: `Linux ${kernel} lets this process use io_uring`,
    features,
    featureNames: Object.entries(IORING_FEAT)
      .filter(([, bit]) => features & bit)
      .map(([name]) => name),
    ops: OPTABLE.filter((row) => ops.has(row.number)).map((row) => row.name),
    // asking makes a ring for each, one of them with a thread of the kernel's
    get setupFlags() {
      return SETUP_FLAGS.filter((row) => knowsSetupFlag(real, row.name)).map((row) => row.name);
    },
  };
}

/** Whether the kernel knows a setup flag: it refuses one it does not know with EINVAL before it looks at anything else. */
function knowsSetupFlag(sys: Sys, flag: SetupFlag): boolean {
  const flags = parseSetupFlags([flag, ...(COMPANIONS[flag] ?? [])]);
  const bytes = new Uint8Array(io_uring_params.size);
  // NO_MMAP without memory and ATTACH_WQ without a ring fail as well, but with other errors
  encodeParams({ entries: 2, flags, cq_entries: 2, wq_fd: 0xffff_ffff }, bytes);
  const result = io_uring_setup(sys, 2, sys.addressOf(bytes));
  if (result >= 0) close(sys, result);
  return result !== -EINVAL;
}

function unavailable(kernel: string, errno: number): UringUnavailable {
  const disabled = ioUringDisabled();
  const name = errnoName(errno);
  const forbidden: Readonly<Record<number, readonly [why: string, remedy: string]>> = {
    1: [
      "sysctl kernel.io_uring_disabled is 1: only CAP_SYS_ADMIN and the group in kernel.io_uring_group may use io_uring",
      "Join that group, or ask for sysctl kernel.io_uring_disabled=0",
    ],
    2: ["sysctl kernel.io_uring_disabled is 2: nobody may use io_uring", "Ask for sysctl kernel.io_uring_disabled=0"],
  };
  const known = name === "EPERM" && disabled !== undefined ? forbidden[disabled] : undefined;
  return {
    available: false,
    kernel,
    errno: Math.abs(errno),
    errnoName: name,
    why: known?.[0] ?? `io_uring_setup failed with ${describeErrno(errno)}`,
    remedy: known?.[1] ?? remedyOf("io_uring_setup", errno) ?? "Use the sim engine, which needs no io_uring",
  };
}
