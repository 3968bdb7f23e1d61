// Faults as data. A plan is a list of rules; each says what it does (an error, a short transfer, a latency, a signal, a
// spurious wake-up, an ejection of the loop) and to which requests or waits. Everything random is drawn from one seed, each
// rule from a stream of its own, so that taking a rule away changes nothing about the others: that is how plans shrink.

import { Prng, didYouMean } from "../../base/index.ts";
import { IORING_OP } from "../abi/index.ts";
import { SimError } from "./errors.ts";

/** An inclusive range; [n, n] for exactly n. */
export type Range = readonly [least: number, most: number];

/** Which of the matching requests or waits a rule hits: all, unless said otherwise. */
export interface FaultMatch {
  /** Opcode names, "READ" or "IORING_OP_READ". Absent: any request. */
  readonly op?: string | readonly string[];
  /** Only the nth match, from 1 on. */
  readonly nth?: number;
  /** Every so many matches. */
  readonly every?: number;
  /** With this probability, 0..1. */
  readonly chance?: number;
  /** Stable number of the rule's random stream; its index in the plan unless given. */
  readonly id?: number;
}

/** One rule. Requests: error, short, latency. The sleeping process: signal, spurious, eject. */
export type FaultRule = FaultMatch &
  (
    | { readonly kind: "error"; /** Positive. */ readonly errno: number }
    | { readonly kind: "short"; /** Transfers at most so many bytes. */ readonly bytes: Range }
    | { readonly kind: "latency"; /** Delays the request; a wide range reorders completions. */ readonly ns: Range }
    | {
        readonly kind: "signal" | "spurious" | "eject";
        /** So long after falling asleep. Default [0, 100000]. */ readonly ns?: Range;
      }
  );

/** What to do to a run. */
export interface FaultPlan {
  readonly rules: readonly FaultRule[];
}

/** What is to happen to one request; valid until the next decision. */
export interface RequestFault {
  /** Positive, or 0. */
  errno: number;
  /** Bytes, or 0 for no limit. */
  limit: number;
  delayNs: number;
}

/** What is to happen to a sleeper, and when (ns from now). */
export interface SleepFault {
  readonly kind: "signal" | "spurious" | "eject";
  readonly delayNs: number;
  readonly rule: number;
  readonly nth: number;
}

/** Told of each fault as it is decided: `nth` is the number of the match of its rule, so that it can be asked for again. */
export type FaultListener = (rule: number, kind: string, req: number, value: number, nth: number) => void;

const SLEEP_RANGE: Range = [0, 100_000];

interface ActiveRule {
  readonly rule: FaultRule;
  readonly index: number;
  readonly ops: ReadonlySet<string> | null;
  readonly prng: Prng;
  matches: number;
}

function fail(index: number, message: string, found: string, expected: string): never {
  throw new SimError("SIM_PLAN", { message, found, expected, where: `rule ${index} of the fault plan` });
}

function checkRange(index: number, name: string, range: Range | undefined): void {
  if (range === undefined) return;
  const [least, most] = range;
  if (!(least >= 0 && most >= least)) fail(index, `${name} is not a range`, JSON.stringify(range), "[least, most]");
}

function opNames(rule: FaultRule, index: number): Set<string> | null {
  if (rule.op === undefined) return null;
  const names = new Set<string>();
  for (const name of typeof rule.op === "string" ? [rule.op] : rule.op) {
    const full = name.startsWith("IORING_OP_") ? name : `IORING_OP_${name}`;
    if (!(full in IORING_OP)) {
      fail(index, "no such opcode", name, didYouMean(full, Object.keys(IORING_OP)) ?? "an IORING_OP_ name");
    }
    names.add(full);
  }
  return names;
}

/** Decides, request by request and sleep by sleep, what the plan does. */
export class FaultInjector {
  readonly #requestRules: ActiveRule[] = [];
  readonly #sleepRules: ActiveRule[] = [];
  readonly #decision: RequestFault = { errno: 0, limit: 0, delayNs: 0 };
  #listener: FaultListener | null = null;

  /** Throws SimError SIM_PLAN for a rule that makes no sense. */
  constructor(plan: FaultPlan, seed: number) {
    for (const [index, rule] of plan.rules.entries()) {
      if (rule.chance !== undefined && !(rule.chance >= 0 && rule.chance <= 1)) {
        fail(index, "chance is not a probability", String(rule.chance), "0..1");
      }
      const active: ActiveRule = {
        rule,
        index,
        ops: opNames(rule, index),
        prng: new Prng(seed * 31 + (rule.id ?? index) * 0x9e37 + 1),
        matches: 0,
      };
      switch (rule.kind) {
        case "error":
          if (!(rule.errno > 0 && rule.errno < 4096)) fail(index, "not an errno", String(rule.errno), "1..4095");
          this.#requestRules.push(active);
          break;
        case "short":
          checkRange(index, "bytes", rule.bytes);
          this.#requestRules.push(active);
          break;
        case "latency":
          checkRange(index, "ns", rule.ns);
          this.#requestRules.push(active);
          break;
        case "signal":
        case "spurious":
        case "eject":
          checkRange(index, "ns", rule.ns);
          this.#sleepRules.push(active);
          break;
        default:
          fail(
            index,
            "unknown kind",
            String((rule as { kind: unknown }).kind),
            "error, short, latency, signal, spurious, eject",
          );
      }
    }
  }

  /** Sets who is told. */
  listen(listener: FaultListener): void {
    this.#listener = listener;
  }

  /** What happens to a request when it is first issued; null: nothing. */
  decide(op: string, req: number): RequestFault | null {
    const decision = this.#decision;
    decision.errno = 0;
    decision.limit = 0;
    decision.delayNs = 0;
    let any = false;
    for (const active of this.#requestRules) {
      if (active.ops !== null && !active.ops.has(op)) continue;
      if (!hits(active)) continue;
      any = true;
      const { rule, prng } = active;
      let value = 0;
      if (rule.kind === "error") {
        decision.errno ||= rule.errno;
        value = rule.errno;
      } else if (rule.kind === "short") {
        value = Math.max(1, draw(prng, rule.bytes));
        decision.limit = decision.limit === 0 ? value : Math.min(decision.limit, value);
      } else if (rule.kind === "latency") {
        value = draw(prng, rule.ns);
        decision.delayNs += value;
      }
      this.#listener?.(active.index, rule.kind, req, value, active.matches);
    }
    return any ? decision : null;
  }

  /** What happens to the process as it falls asleep; null: nothing. The first rule that hits decides. */
  sleep(): SleepFault | null {
    let fault: SleepFault | null = null;
    for (const active of this.#sleepRules) {
      if (!hits(active)) continue;
      const { rule } = active;
      if (rule.kind !== "signal" && rule.kind !== "spurious" && rule.kind !== "eject") continue;
      const delayNs = draw(active.prng, rule.ns ?? SLEEP_RANGE);
      fault ??= { kind: rule.kind, delayNs, rule: active.index, nth: active.matches };
    }
    return fault;
  }

  /** Reports a sleep fault that came to pass. */
  report(fault: SleepFault): void {
    this.#listener?.(fault.rule, fault.kind, 0, fault.delayNs, fault.nth);
  }
}

function draw(prng: Prng, [least, most]: Range): number {
  const span = most - least;
  return span === 0 ? least : least + Math.floor(prng.unit() * (span + 1));
}

function hits(active: ActiveRule): boolean {
  const { rule } = active;
  const count = ++active.matches;
  if (rule.nth !== undefined && count !== rule.nth) return false;
  if (rule.every !== undefined && count % rule.every !== 0) return false;
  return rule.chance === undefined || active.prng.chance(rule.chance);
}
