// Loops give the same steps and completions in the simulator and in Linux: result, every global (of the loop `play`: what each
// step found), every completion in its order, the ring's heads and tails, the parameter region. Run by `npm run test:kernel`
// inside the rig; elsewhere only that the simulator plays them to their end.

import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fnv1a, setField } from "../src/base/index.ts";
import { openEngine, openObject } from "../src/engine/index.ts";
import { openSimEngine, type SimEngine } from "../src/engine/sim/index.ts";
import { NodeWorld } from "../src/engine/sim/node/index.ts";
import { DEFAULT_SETUP_FLAGS, LoopError, type Engine, type Ring } from "../src/loop/index.ts";
import { openSys } from "../src/sys/index.ts";
import { IORING_SETUP, io_uring_sqe, O, type SqeField } from "../src/uring/abi/index.ts";
import { PLAYS, type Play, type Round, type Stage } from "./loop-plays.ts";
import { missingLoops } from "./missing-loops.ts";
import { missingShared, sharedPath } from "./shared-data.ts";

/** Of x86-64, the rig's. */
const NR_pipe2 = 293;
const SQE = 64;
/** Loops that end do so long before. */
const PATIENCE_MS = 60_000;
const folder = mkdtempSync(path.join(tmpdir(), "loopstep-plays-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

function stageOf(engine: Engine, ring: Ring, opened: number[], buffers: Uint8Array[]): Stage {
  const memory = (bytes: Uint8Array | readonly number[] = [], size = Math.max(64, bytes.length)): bigint => {
    const buffer = engine.buffer(size);
    buffer.bytes.set(bytes);
    buffers.push(buffer.bytes);
    return buffer.address;
  };
  const { kernel } = engine as Partial<SimEngine>;
  const keep = (fd: number): number => {
    opened.push(fd);
    return fd;
  };
  return {
    memory,
    timespec: (ms) => {
      const words = new BigInt64Array([BigInt(Math.floor(ms / 1000)), BigInt(ms % 1000) * 1_000_000n]);
      return memory(new Uint8Array(words.buffer));
    },
    pipe: () => {
      let pair = kernel?.pipe2();
      if (pair === undefined) {
        const room = engine.buffer(8);
        expect(openSys().syscall(NR_pipe2, Number(room.address), O.O_CLOEXEC)).toBe(0);
        const view = new DataView(room.bytes.buffer, room.bytes.byteOffset, 8);
        pair = [view.getInt32(0, true), view.getInt32(4, true)];
      }
      const [reader, writer] = pair as [number, number];
      return [keep(reader), keep(writer)];
    },
    file: (bytes) => {
      const name = path.join(folder, `file-${files++}`);
      writeFileSync(name, bytes);
      return keep(kernel === undefined ? openSync(name, "r+") : kernel.open(name, O.O_RDWR));
    },
    ringFd: (ring as Ring & { readonly fd: number }).fd,
  };
}

/** Writes the rounds' SQEs into the parameter region and says how many belong to each. */
function script(ring: Ring, rounds: readonly Round[]): Readonly<Record<string, number | number[]>> {
  const mem = ring.mem!;
  const view = new DataView(mem.buffer, mem.byteOffset, mem.byteLength);
  for (const [i, sqe] of rounds.flatMap(({ sqes }) => sqes).entries()) {
    for (const [name, value] of Object.entries(sqe)) setField(io_uring_sqe, view, i * SQE, name as SqeField, value);
  }
  const eight = (numbers: readonly number[]): number[] => Array.from({ length: 8 }, (_, i) => numbers[i] ?? 0);
  return {
    rounds: rounds.length,
    submit: eight(rounds.map(({ sqes }) => sqes.length)),
    until: eight(rounds.map(({ until }) => until)),
  };
}

/** "user_data res flags" of every CQE the ring has room for, in order. */
function completions(ring: Ring): string[] {
  const { cq_off, cq_entries, flags } = ring.params;
  const bytes = ring.rings.slice();
  const view = new DataView(bytes.buffer);
  const size = (flags & IORING_SETUP.IORING_SETUP_CQE32) !== 0 ? 32 : 16;
  const count = Math.min(view.getUint32(cq_off.tail, true), cq_entries);
  return Array.from({ length: count }, (_, i) => {
    const at = cq_off.cqes + i * size;
    return `${view.getBigUint64(at, true)} ${view.getInt32(at + 8, true)} ${view.getUint32(at + 12, true)}`;
  });
}

type Global = [name: string, value: unknown];

/** Of the loop `play` only the last step of each round; see Play.workers. */
function roundEnds(globals: readonly Global[]): Global[] {
  const { tails, waited, steps } = Object.fromEntries(globals) as Record<string, number[]> & { steps: number };
  const ends = Array.from({ length: steps }, (_, i) => i).filter((i) => i + 1 === steps || waited[i] !== waited[i + 1]);
  const stepped = ["tails", "waited", "steps"];
  return [
    ...globals.filter(([name]) => !stepped.includes(name)),
    ["rounds", ends.map((i) => `CQ tail ${tails[i]} after waiting for ${waited[i]}`)],
  ];
}

async function perform(engine: Engine, play: Play): Promise<Record<string, unknown>> {
  const object = await openObject(play.object);
  using ring = engine.createRing(play.ring);
  object.bind(ring.params);
  const opened: number[] = [];
  const buffers: Uint8Array[] = [];
  const stage = stageOf(engine, ring, opened, buffers);
  const rounds = play.rounds?.(stage);
  const places = play.places?.(stage) ?? {};
  const values = { ...play.values, ...places, ...(rounds === undefined ? {} : script(ring, rounds)) };
  for (const [name, value] of Object.entries(values)) object.values.set(name, value);
  const placed = rounds === undefined ? (play.ring.mem ?? 0) : 0;
  using loaded = await engine.load(object);
  using link = loaded.attach(play.ops, ring);
  const result = await ring.run({ timeoutMs: PATIENCE_MS }).catch((error: unknown) => {
    if (error instanceof LoopError && error.code !== "LOOP_TIMEOUT") return error.errno;
    throw error;
  });
  const heads = new DataView(ring.rings.slice().buffer);
  for (const fd of opened) engine.closeFile(fd);
  const globals = object.globals
    .filter(({ name }) => !(name in places))
    .map(({ name }): Global => [name, loaded.values.get(name)]);
  return {
    ops: link.ops,
    result,
    completed: ring.stats.completed,
    completions: completions(ring),
    cq: [heads.getUint32(ring.params.cq_off.head, true), heads.getUint32(ring.params.cq_off.tail, true)],
    globals: play.workers === true ? roundEnds(globals) : globals,
    maps: Object.values(loaded.maps).map((map) => [map.name, map.entries()]),
    buffers: buffers.map((bytes) => fnv1a(bytes)),
    // a region that holds addresses differs
    mem: placed === 0 ? [] : Array.from(ring.mem!.subarray(0, placed)),
  };
}

const missing = process.arch === "x64" ? missingLoops() : "the rig is an x86-64 machine";
/** Where the kernel itself runs the same programs, it has verified them. */
const simulated = (): SimEngine => openSimEngine({ world: new NodeWorld(), verify: missing !== undefined });

describe("the simulator", () => {
  // in the rig the comparison below plays them too
  it.skipIf(missing === undefined).each(PLAYS.map((play) => [play.name, play] as const))(
    "plays %s to its end",
    async (_, play) => {
      using engine = simulated();
      const { globals, completions: cqes } = await perform(engine, play);
      expect(globals).not.toEqual([]);
      // twice the same
      using again = simulated();
      expect((await perform(again, play))["completions"]).toEqual(cqes);
    },
  );
});

const suffix = missing === undefined ? "" : ` (skipped: ${missing})`;

/** One for all: a thread that is idle serves the next ring. */
let kernel: Engine;
beforeAll(async () => {
  if (missing === undefined) kernel = await openEngine("kernel");
});
afterAll(() => {
  if (missing === undefined) kernel[Symbol.dispose]();
});

describe.skipIf(missing !== undefined)(`the simulator and Linux${suffix}`, () => {
  it.each(PLAYS.map((play) => [play.name, play] as const))("play %s alike", async (_, play) => {
    using sim = simulated();
    expect(await perform(sim, play)).toEqual(await perform(kernel, play));
  });
});

interface Recorded {
  readonly program: string;
  readonly object: string;
  readonly mcpu: string;
  readonly verdict: string;
  readonly processed: number;
  readonly unstable?: boolean;
  readonly run_interrupted: number;
}

const noVerdicts = missingShared("verdicts/verdicts.jsonl");
/** Instructions that the verifier, itself emulated there, may take. */
const WALKED = 20_000;

/**
 * The kernel's own runs of the unstable ones differ from each other; the others it let run to their end. One processor
 * version of each, for everything takes long in the rig.
 */
const recorded: readonly Recorded[] =
  noVerdicts === undefined
    ? readFileSync(sharedPath("verdicts/verdicts.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Recorded)
        .filter(({ mcpu, verdict, processed }) => mcpu === "v4" && verdict === "accepted" && processed < WALKED)
        .filter(({ unstable, run_interrupted }) => !unstable && !run_interrupted)
    : [];
const why = missing ?? noVerdicts;

describe.skipIf(why !== undefined)(`the recorded loops${why === undefined ? "" : ` (skipped: ${why})`}`, () => {
  it("are many", () => expect(recorded.length).toBeGreaterThan(30));
  it.each(recorded.map((loop) => [`${loop.program} ${loop.mcpu}`, loop] as const))("%s", async (name, { object }) => {
    const ring = { entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS, mem: 8192 };
    const play: Play = { name, object: sharedPath(`verdicts/${object}`), ring };
    using sim = simulated();
    expect(await perform(sim, play)).toEqual(await perform(kernel, play));
  });
});
