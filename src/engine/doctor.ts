// What this machine can do for loops, and why not: one finding for each thing an engine needs, with the remedy for what is
// missing. Asks the system itself wherever it can be asked; changes nothing.

import { LoopstepError } from "../base/index.ts";
import {
  kernelVersion,
  memlockLimit,
  openSys,
  probeIoUring,
  ioUringDisabled,
  type Sys,
  type UringProbe,
} from "../sys/index.ts";
import { DEFAULT_SETUP_FLAGS } from "../loop/index.ts";
import { formatKernelVersion, OPTABLE, SETUP_FLAGS } from "../uring/abi/index.ts";
import { BpfCalls, bpfCapabilities, hasLoopOps, loadPrivilege } from "./kernel/index.ts";
import { openEngine } from "./open-engine.ts";

/** "ok": as it should be; "limited": works with less, or slower; "missing": an engine cannot be had for it. */
export type FindingState = "ok" | "limited" | "missing";

/** One thing looked at. */
export interface Finding {
  readonly topic: string;
  readonly state: FindingState;
  /** One phrase: what is there. */
  readonly found: string;
  /** What to do about it; absent when `state` is "ok". */
  readonly remedy?: string;
}

/** All of it. */
export interface Diagnosis {
  readonly schemaVersion: 1;
  /** The engine `auto` takes here, and why; undefined when none works. */
  readonly engine: string | undefined;
  readonly why: string;
  readonly findings: readonly Finding[];
  /** What io_uring offers here; empty without it. */
  readonly features: readonly string[];
  readonly setupFlags: readonly string[];
  readonly ops: readonly string[];
}

const OLDEST_NODE = [20, 19] as const;
/** Below this, a process that registers buffers will soon meet ENOMEM. */
const ENOUGH_MEMLOCK = 8 << 20;

/** Looks at this machine. Never throws for what is missing. */
export async function diagnose(): Promise<Diagnosis> {
  const probe = probeIoUring();
  const sys = tryOpenSys();
  const findings = [
    node(),
    ffi(sys),
    kernel(probe),
    uring(probe),
    ...(probe.available ? [setupFlags(probe), requests(probe)] : []),
    memlock(),
    bpfOps(),
    privilege(sys),
  ];
  const { engine, why } = await chosenEngine();
  const offers = probe.available
    ? { features: probe.featureNames, setupFlags: probe.setupFlags, ops: probe.ops }
    : { features: [], setupFlags: [], ops: [] };
  return { schemaVersion: 1, engine, why, findings, ...offers };
}

async function chosenEngine(): Promise<{ engine: string | undefined; why: string }> {
  try {
    using engine = await openEngine("auto");
    return { engine: engine.name, why: engine.why };
  } catch (error) {
    if (!(error instanceof LoopstepError)) throw error;
    return { engine: undefined, why: error.message };
  }
}

function tryOpenSys(): Sys | LoopstepError {
  try {
    return openSys();
  } catch (error) {
    if (error instanceof LoopstepError) return error;
    throw error;
  }
}

function node(): Finding {
  const { version, arch, platform } = process;
  const [major = 0, minor = 0] = version.slice(1).split(".").map(Number);
  const found = `Node ${version} on ${platform} ${arch}`;
  const recent = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  if (recent) return { topic: "Node", state: "ok", found };
  return { topic: "Node", state: "missing", found, remedy: `Use Node ${OLDEST_NODE.join(".")} or later` };
}

function ffi(sys: Sys | LoopstepError): Finding {
  const topic = "system calls";
  if (!(sys instanceof LoopstepError)) return { topic, state: "ok", found: `made through ${sys.name}` };
  return { topic, state: "missing", found: sys.summary, remedy: sys.remedy ?? "Use the sim engine" };
}

function kernel({ kernel }: UringProbe): Finding {
  const [major, minor] = kernelVersion();
  const found = `Linux ${kernel}`;
  if (major > 7 || (major === 7 && minor >= 1)) return { topic: "kernel", state: "ok", found };
  if (major > 6 || (major === 6 && minor >= 1)) {
    return {
      topic: "kernel",
      state: "limited",
      found: `${found}: loops run in this process, not in the kernel`,
      remedy: "Linux 7.1 or later runs them itself; `npm run vm` tries one under emulation",
    };
  }
  return { topic: "kernel", state: "missing", found, remedy: "Use Linux 6.1 or later, or the sim engine" };
}

function uring(probe: UringProbe): Finding {
  const topic = "io_uring";
  if (!probe.available) return { topic, state: "missing", found: probe.why, remedy: probe.remedy };
  const sysctl = ioUringDisabled();
  const setting = sysctl === undefined ? "" : ` (sysctl kernel.io_uring_disabled is ${sysctl})`;
  return { topic, state: "ok", found: `allowed${setting}` };
}

function setupFlags({ setupFlags }: UringProbe & { available: true }): Finding {
  const topic = "setup flags";
  const lacking = DEFAULT_SETUP_FLAGS.filter((flag) => !(setupFlags as readonly string[]).includes(flag));
  const count = `${setupFlags.length} of ${SETUP_FLAGS.length} known flags`;
  if (lacking.length === 0) return { topic, state: "ok", found: count };
  return {
    topic,
    state: "limited",
    found: `${count}; without ${lacking.join(", ")}, which the user engine makes up for`,
    remedy: "A newer kernel has them: NO_SQARRAY since 6.6, SQ_REWIND since 7.0",
  };
}

function requests({ ops, kernel }: UringProbe & { available: true }): Finding {
  const topic = "requests";
  const lacking = OPTABLE.filter(({ name }) => !ops.includes(name)).map(({ name }) => name);
  const found = `${ops.length} of ${OPTABLE.length} opcodes`;
  if (lacking.length === 0) return { topic, state: "ok", found };
  return {
    topic,
    state: "limited",
    found: `${found}; Linux ${kernel} lacks ${lacking.join(", ")}`,
    remedy: "A newer kernel has them",
  };
}

function memlock(): Finding {
  const topic = "locked memory";
  const limit = memlockLimit();
  if (limit === undefined) return { topic, state: "limited", found: "the limit is not known", remedy: "Mount /proc" };
  const found = limit === Number.POSITIVE_INFINITY ? "unlimited" : `at most ${limit >> 10} KiB`;
  if (limit >= ENOUGH_MEMLOCK) return { topic, state: "ok", found };
  return {
    topic,
    state: "limited",
    found,
    remedy: "Raise it (ulimit -l, LimitMEMLOCK=) to register large buffers or regions",
  };
}

function bpfOps(): Finding {
  const topic = "BPF-controlled io_uring";
  try {
    if (hasLoopOps()) return { topic, state: "ok", found: "struct io_uring_bpf_ops is in the kernel's BTF" };
  } catch (error) {
    if (!(error instanceof LoopstepError)) throw error;
    return { topic, state: "missing", found: error.summary, remedy: error.remedy ?? "Use the user engine" };
  }
  return {
    topic,
    state: "missing",
    found: `Linux ${formatKernelVersion(kernelVersion())} does not have it`,
    remedy: "Linux 7.1 or later with CONFIG_IO_URING_BPF_OPS has it; the user engine runs the same programs without",
  };
}

function privilege(sys: Sys | LoopstepError): Finding {
  const topic = "privilege to load BPF";
  if (sys instanceof LoopstepError)
    return { topic, state: "missing", found: "cannot be asked", remedy: sys.remedy ?? "" };
  const lacking = loadPrivilege(new BpfCalls(sys));
  if (lacking) return { topic, state: "missing", found: lacking.message, remedy: lacking.remedy };
  return { topic, state: "ok", found: bpfCapabilities().join(", ") || "granted" };
}
