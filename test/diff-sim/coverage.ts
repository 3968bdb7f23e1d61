// What a comparison has seen: for each opcode how many requests, and what came of them; which setup flags, request flags and
// wrong fields were among them.

import { fnv1a } from "../../src/base/index.ts";
import { errnoName } from "../../src/base/index.ts";
import { IORING_CQE_F, IORING_SETUP, IOSQE, OPTABLE } from "../../src/uring/abi/index.ts";
import { SIM_OPTABLE } from "../../src/uring/sim/ops/optable.ts";
import type { Outcome, Script } from "./script.ts";

const NAMES = new Map<number, string>(OPTABLE.map(({ number, name }) => [number, name.slice("IORING_OP_".length)]));
const CQE_FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [IORING_CQE_F.IORING_CQE_F_MORE, "MORE"],
  [IORING_CQE_F.IORING_CQE_F_BUFFER, "BUFFER"],
  [IORING_CQE_F.IORING_CQE_F_BUF_MORE, "BUF_MORE"],
  [IORING_CQE_F.IORING_CQE_F_SOCK_NONEMPTY, "SOCK_NONEMPTY"],
  [IORING_CQE_F.IORING_CQE_F_32, "CQE32"],
];

interface OpCounts {
  requests: number;
  readonly results: Map<string, number>;
}

const add = (map: Map<string, number>, key: string, by = 1): void => void map.set(key, (map.get(key) ?? 0) + by);

function resultKind(res: string): string {
  if (res === "fd") return "ok";
  const value = Number(res);
  return value < 0 ? errnoName(-value) : value === 0 ? "0" : ">0";
}

const bitsOf = (value: number, names: Readonly<Record<string, number>>): string[] =>
  Object.entries(names)
    .filter(([, bit]) => bit !== 0 && (value & bit) !== 0)
    .map(([name]) => name);

/** Counts scripts and what they gave. */
export class Coverage {
  readonly #ops = new Map<string, OpCounts>();
  readonly #setup = new Map<string, number>();
  readonly #flags = new Map<string, number>();
  sequences = 0;
  requests = 0;
  completions = 0;
  /** Of everything the simulator answered: equal for equal seeds. */
  digest = 0;

  add(script: Script, { phases }: Outcome): void {
    this.sequences++;
    for (const name of bitsOf(script.flags, IORING_SETUP)) add(this.#setup, name);
    const opcodes = new Map<string, string>();
    for (const [i, phase] of script.phases.entries()) {
      for (const { fields } of phase.sqes) {
        const name = NAMES.get(Number(fields["opcode"])) ?? "(unknown)";
        opcodes.set(String(fields["user_data"]), name);
        this.#of(name).requests++;
        this.requests++;
        for (const flag of bitsOf(Number(fields["flags"] ?? 0), IOSQE)) add(this.#flags, flag);
      }
      for (const cqe of phases[i]?.cqes ?? []) {
        const [user_data = "", res = "", flags = ""] = cqe.split(" ");
        this.completions++;
        this.digest = fnv1a(new TextEncoder().encode(`${this.digest} ${cqe}`));
        const name = user_data.startsWith("second:") ? "(second ring)" : (opcodes.get(user_data) ?? "(message)");
        const { results } = this.#of(name);
        add(results, resultKind(res));
        for (const [bit, flag] of CQE_FLAGS) if ((Number(flags) & bit) !== 0) add(results, `+${flag}`);
      }
    }
  }

  #of(name: string): OpCounts {
    let counts = this.#ops.get(name);
    if (counts === undefined) this.#ops.set(name, (counts = { requests: 0, results: new Map() }));
    return counts;
  }

  /** Simulated opcodes that no request had. */
  get missing(): string[] {
    return SIM_OPTABLE.filter(({ simulates }) => simulates !== "no")
      .map(({ name }) => name.slice("IORING_OP_".length))
      .filter((name) => !this.#ops.has(name));
  }

  /** A table for a reader. */
  lines(): string[] {
    const list = (map: ReadonlyMap<string, number>): string =>
      [...map]
        .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
        .map(([name, count]) => `${name} ${count}`)
        .join(", ");
    const rows = [...this.#ops].sort(([a], [b]) => (a < b ? -1 : 1));
    const width = Math.max(...rows.map(([name]) => name.length));
    return [
      ...rows.map(
        ([name, { requests, results }]) => `  ${name.padEnd(width)} ${String(requests).padStart(6)}  ${list(results)}`,
      ),
      `  setup: ${list(this.#setup)}`,
      `  flags: ${list(this.#flags)}`,
      ...(this.missing.length > 0 ? [`  never tried: ${this.missing.join(", ")}`] : []),
    ];
  }
}
