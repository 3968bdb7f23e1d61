// How fast is BPF compiled to WebAssembly? Nine compute programs (testdata/bench-compute), each the same C source on every
// peer: native gcc with and without its vectoriser (the better counts), clang's WebAssembly, ubpf's JIT, and ours.
// Times are processor time, as these programs only compute.
//     LOOPSTEP_UBPF=DIR    a build of ubpf: DIR/include/ubpf.h and DIR/lib/libubpf.a

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { compile, instantiate } from "../src/bpf/jit/index.ts";
import { encode } from "../src/bpf/isa/index.ts";
import { BpfObject } from "../src/bpf/object/index.ts";
import { buildImage, Interpreter, VmFault, VmMemory, type Executable, type VmImage } from "../src/bpf/vm/index.ts";
import {
  cpuClock,
  geometricMean,
  interleave,
  ratiosTo,
  timeCalls,
  warmUp,
  type Answer,
  type Bench,
  type Peer,
  type Report,
  type Skipped,
} from "./harness.ts";
import { build, driverTime, hasCommand, runDriver, scratchDirectory } from "./native.ts";

const MEMORY = 65536;
const NATIVE = "native";
const NATIVE_VECTOR = "native, vectoriser";
const NATIVE_SCALAR = "native, no vectoriser";

// The same bytes as bench/native/timing.h.
function fill(memory: Uint8Array, at: number): void {
  let x = 1;
  for (let i = 0; i < MEMORY; i++) {
    x = Math.imul(x, 1664525) + 1013904223;
    memory[at + i] = x >>> 24;
  }
}

interface Loaded {
  readonly image: VmImage;
  readonly memory: VmMemory;
  readonly address: number;
}

function load(file: string): Loaded {
  const object = BpfObject.open(readFileSync(file));
  const memory = VmMemory.create({ initial: 1 << 20 });
  const address = memory.allocate("the memory", MEMORY, { align: 64 });
  fill(memory.u8, address);
  return { image: buildImage(object.resolve("run", { target: object.btf }), memory), memory, address };
}

function ours(loaded: Loaded, checked: boolean): Executable & { run(ctx: number, arg2?: number): number } {
  const program = compile(loaded.image, { checked });
  return instantiate(program, new WebAssembly.Module(program.bytes), loaded.image, loaded.memory);
}

// Instructions of one run, by the least budget that suffices; exact to one turn of a loop.
function countInsns({ image, memory, address }: Loaded): number {
  const suffices = (maxInsns: number): boolean => {
    try {
      new Interpreter(image, memory, { maxInsns }).run(address, MEMORY);
      return true;
    } catch (error) {
      if (error instanceof VmFault && error.facts.kind === "steps") return false;
      throw error;
    }
  };
  let high = 1024;
  while (!suffices(high)) high *= 2;
  let low = high / 2;
  while (high - low > high / 1000) {
    const middle = Math.floor((low + high) / 2);
    if (suffices(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Tools the peers need, each with the reason of its absence. */
interface Tools {
  readonly gcc: boolean;
  readonly clang: boolean;
  readonly ubpf: string | undefined;
  readonly skipped: Skipped[];
}

function findTools(): Tools {
  const skipped: Skipped[] = [];
  const gcc = hasCommand("gcc");
  if (!gcc) skipped.push({ name: NATIVE, reason: "gcc is not installed" });
  const clang = hasCommand("clang-19") && hasCommand("wasm-ld-19");
  if (!clang) skipped.push({ name: "clang's wasm", reason: "clang-19 and wasm-ld-19 (lld-19) are not both installed" });
  const ubpf = process.env["LOOPSTEP_UBPF"];
  if (ubpf === undefined) skipped.push({ name: "ubpf's JIT", reason: "LOOPSTEP_UBPF does not name a build of ubpf" });
  return { gcc, clang, ubpf: gcc ? ubpf : undefined, skipped };
}

interface Places {
  readonly sources: string;
  readonly native: string;
  readonly scratch: string;
}

// A peer's result must be the interpreter's, or its time means nothing.
function expectResult(name: string, found: bigint, expected: bigint): void {
  if (found !== expected)
    throw new Error(`${name} computed 0x${found.toString(16)}, the interpreter 0x${expected.toString(16)}`);
}

function nativePeers(name: string, { sources, native, scratch }: Places, expected: bigint): Peer[] {
  return (
    [
      [NATIVE_VECTOR, "-ftree-vectorize"],
      [NATIVE_SCALAR, "-fno-tree-vectorize"],
    ] as const
  ).map(([peer, flag]) => {
    const out = path.join(scratch, `${name}${flag}`);
    build("gcc", [
      "-O2",
      flag,
      "-fno-strict-aliasing",
      `-I${sources}`,
      `-I${native}`,
      path.join(sources, `${name}.c`),
      path.join(native, "native-driver.c"),
      "-o",
      out,
    ]);
    expectResult(peer, BigInt(`0x${runDriver(out, ["1"]).result}`), expected);
    return { name: peer, measure: driverTime(out) };
  });
}

function ubpfPeer(name: string, ubpf: string, loaded: Loaded, { native, scratch }: Places, expected: bigint): Peer {
  const driver = path.join(scratch, "ubpf-driver");
  build("gcc", [
    "-O2",
    `-I${ubpf}/include`,
    `-I${native}`,
    path.join(native, "ubpf-driver.c"),
    `${ubpf}/lib/libubpf.a`,
    "-lm",
    "-o",
    driver,
  ]);
  const code = path.join(scratch, `${name}.slots`);
  writeFileSync(code, encode(loaded.image.insns));
  expectResult("ubpf", BigInt(`0x${runDriver(driver, ["1", code]).result}`), expected);
  return { name: "ubpf's JIT", measure: driverTime(driver, code) };
}

function clangPeer(name: string, { sources, scratch }: Places, expected: bigint): Peer {
  const out = path.join(scratch, `${name}.wasm`);
  build("clang-19", [
    "--target=wasm32",
    "-O2",
    "-fno-strict-aliasing",
    "-nostdlib",
    "-fuse-ld=lld",
    `-I${sources}`,
    "-Wl,--no-entry",
    "-Wl,--export=run",
    "-Wl,--import-memory",
    "-Wl,--global-base=65536",
    path.join(sources, `${name}.c`),
    "-o",
    out,
  ]);
  const memory = new WebAssembly.Memory({ initial: 16 });
  const address = 8 * 65536;
  fill(new Uint8Array(memory.buffer), address);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(out)), { env: { memory } });
  const run = exports["run"] as (mem: number, size: number) => bigint;
  expectResult("clang's wasm", BigInt.asUintN(64, run(address, MEMORY)), expected);
  return { name: "clang's wasm", measure: (forNs) => timeCalls(() => run(address, MEMORY), forNs, cpuClock) };
}

// One entry for native code: the better of its two forms.
function betterNative(times: Readonly<Record<string, number>>): Record<string, number> {
  const { [NATIVE_VECTOR]: vector, [NATIVE_SCALAR]: scalar, ...rest } = times;
  return vector === undefined || scalar === undefined ? rest : { ...rest, [NATIVE]: Math.min(vector, scalar) };
}

/** The bench; `only` names some of the programs. */
export function jitBench(root: string, only?: readonly string[]): Bench {
  return {
    name: "jit",
    async run(effort, progress): Promise<Report> {
      const tools = findTools();
      const places: Places = {
        sources: path.join(root, "testdata/bench-compute"),
        native: path.join(root, "bench/native"),
        scratch: scratchDirectory(),
      };
      const names = readdirSync(places.sources)
        .filter((file) => file.endsWith(".c"))
        .map((file) => file.slice(0, -2));
      const answers: Answer[] = [];
      const perInsn: number[] = [];
      for (const name of names.filter((name) => only === undefined || only.includes(name))) {
        const loaded = load(path.join(places.sources, `${name}.bpf.o`));
        const interpreter = new Interpreter(loaded.image, loaded.memory);
        interpreter.run(loaded.address, MEMORY);
        const expected = interpreter.r0;
        const executables = [
          ["loopstep", ours(loaded, false)],
          ["loopstep, checked", ours(loaded, true)],
        ] as const;
        const peers: Peer[] = executables.map(([peer, executable]) => {
          executable.run(loaded.address, MEMORY);
          expectResult(peer, executable.r0, expected);
          return warmUp(
            {
              name: peer,
              measure: (forNs) => timeCalls(() => executable.run(loaded.address, MEMORY), forNs, cpuClock),
            },
            effort,
          );
        });
        if (tools.clang) peers.push(warmUp(clangPeer(name, places, expected), effort));
        if (tools.ubpf !== undefined) peers.push(ubpfPeer(name, tools.ubpf, loaded, places, expected));
        if (tools.gcc) peers.push(...nativePeers(name, places, expected));
        peers.push({
          name: "interpreter",
          measure: (forNs) => timeCalls(() => interpreter.run(loaded.address, MEMORY), forNs, cpuClock),
        });
        const answer = interleave({ name, peers }, effort);
        const ns = betterNative(answer.ns);
        const best = betterNative(answer.best);
        perInsn.push(best["interpreter"] / countInsns(loaded));
        answers.push({ name, ns, best });
        progress(
          `${name}: ${Object.entries(ns)
            .map(([peer, time]) => `${peer} ${(time / 1e3).toFixed(1)} us`)
            .join(", ")}`,
        );
      }
      const baseline = tools.gcc ? NATIVE : "loopstep";
      const figures = { "interpreter, ns an instruction (least)": geometricMean(perInsn) };
      return {
        bench: "jit",
        answers,
        baseline,
        ratios: ratiosTo(baseline, answers),
        bestRatios: ratiosTo(baseline, answers, "best"),
        skipped: tools.skipped,
        figures,
      };
    },
  };
}
