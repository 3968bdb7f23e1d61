// `npm run diff -- verifier [seed] [count]`: random programs through the verifier here and through the running kernel's.
// Prints every difference, made small, as a fixture. `--record FILE` only asks the kernel and writes its answers down;
// `--compare FILE` compares with such a file, on any machine: a slow guest with the right kernel need not run both.

import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { decode, disasm, encode } from "../../src/bpf/isa/index.ts";
import { verify, type Verdict } from "../../src/bpf/verifier/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";
import { difference } from "./compare.ts";
import { generate, programOf } from "./generate.ts";
import { LinuxVerifier, type LinuxVerdict } from "./linux.ts";
import { minimise } from "./minimise.ts";

const LEVEL = 2;
const words = process.argv.slice(2);
const valueOf = (name: string): string | undefined => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words.splice(at, 2)[1];
};
const record = valueOf("--record");
const compare = valueOf("--compare");
const [first = 1, count = 1000] = words.map(Number);
const linux = compare === undefined ? new LinuxVerifier() : undefined;

const ours = (program: ResolvedProgram): Verdict => verify(program, { logLevel: LEVEL });
const hex = (program: ResolvedProgram): string => Buffer.from(encode(program.insns)).toString("hex");

function* recorded(file: string): Generator<{ seed: number; program: ResolvedProgram; verdict: LinuxVerdict }> {
  for (const line of readFileSync(file, "utf8").trim().split("\n")) {
    const { seed, insns, starts, ...verdict } = JSON.parse(line) as LinuxVerdict & {
      seed: number;
      insns: string;
      starts: number[];
    };
    yield { seed, program: programOf(decode(Buffer.from(insns, "hex")), starts), verdict };
  }
}

function* live(): Generator<{ seed: number; program: ResolvedProgram; verdict: LinuxVerdict }> {
  for (let seed = first; seed < first + count; seed++) {
    const program = generate(seed);
    yield { seed, program, verdict: linux!.verdict(program, LEVEL) };
  }
}

if (record !== undefined) {
  writeFileSync(record, "");
  for (const { seed, program, verdict } of live()) {
    const starts = program.subprogs.map(({ start }) => start);
    appendFileSync(record, `${JSON.stringify({ seed, insns: hex(program), starts, ...verdict })}\n`);
  }
} else {
  const tally: Record<string, number> = {};
  for (const { seed, program, verdict } of compare === undefined ? live() : recorded(compare)) {
    const found = difference(ours(program), verdict);
    const kind = found?.kind ?? (verdict.errno === 0 ? "accepted by both" : "rejected by both");
    tally[kind] = (tally[kind] ?? 0) + 1;
    if (found === undefined) continue;
    console.log(`seed ${seed}: ${found.kind}: ${found.what}`);
    if (linux === undefined) continue;
    const same = (candidate: ResolvedProgram): boolean =>
      difference(ours(candidate), linux.verdict(candidate, LEVEL))?.kind === found.kind;
    const small = minimise(program, same);
    console.log(disasm(small.insns));
    const { errno, log } = linux.verdict(small, 1);
    console.log(JSON.stringify({ insns: hex(small), starts: small.subprogs.map(({ start }) => start), errno, log }));
  }
  console.log(tally);
}
