// Fault plans from a file: JSON whose shape is that of FaultPlan (docs/trace-format.md). Shapes are checked here, what the
// values mean is checked by the simulator's own FaultInjector.

import { didYouMean } from "../base/index.ts";
import { FaultInjector, type FaultPlan } from "../uring/sim/index.ts";
import { UsageError } from "./errors.ts";
import { readInput } from "./files.ts";

interface Form {
  readonly holds: (value: unknown) => boolean;
  readonly expected: string;
}

const isNumber = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value);
const NUMBER: Form = { holds: isNumber, expected: "a number" };
const COUNT: Form = {
  holds: (value) => Number.isInteger(value) && Number(value) >= 1,
  expected: "a whole number from 1",
};
const RANGE: Form = {
  holds: (value) => Array.isArray(value) && value.length === 2 && value.every(isNumber),
  expected: "[least, most]",
};
const isName = (value: unknown): boolean => typeof value === "string";

const FIELDS: Readonly<Record<string, Form>> = {
  kind: { holds: isName, expected: "a name" },
  op: {
    holds: (value) => isName(value) || (Array.isArray(value) && value.every(isName)),
    expected: "an opcode's name, or a list of them",
  },
  nth: COUNT,
  every: COUNT,
  chance: NUMBER,
  id: NUMBER,
  errno: NUMBER,
  bytes: RANGE,
  ns: RANGE,
};

/** What a rule of a kind cannot do without, beyond its kind. */
const NEEDS: Readonly<Record<string, string>> = { error: "errno", short: "bytes", latency: "ns" };

/** Reads a plan. Throws UsageError for a file that is none, SimError SIM_PLAN for a rule that makes no sense. */
export function readFaultPlan(file: string): FaultPlan {
  return parseFaultPlan(new TextDecoder().decode(readInput(file)), `--faults ${file}`);
}

/** The plan that `text` is; `where` names it in errors. */
function parseFaultPlan(text: string, where: string): FaultPlan {
  const plan = jsonOf(text, where);
  const rules = isObject(plan) ? plan["rules"] : undefined;
  if (!Array.isArray(rules)) {
    throw new UsageError("USAGE_VALUE", { where, message: "this is no fault plan", expected: '{"rules": [...]}' });
  }
  rules.forEach((rule, index) => checkRule(rule, `${where}: rule ${index}`));
  const checked = { rules } as FaultPlan;
  void new FaultInjector(checked, 0);
  return checked;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function jsonOf(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError("USAGE_VALUE", { where, message: "this is no JSON", found: (cause as Error).message, cause });
  }
}

function checkRule(rule: unknown, where: string): void {
  if (!isObject(rule))
    throw new UsageError("USAGE_VALUE", { where, message: "this is no rule", expected: "an object" });
  for (const [name, value] of Object.entries(rule)) {
    const form = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (form === undefined) {
      const remedy = didYouMean(name, Object.keys(FIELDS));
      throw new UsageError("USAGE_VALUE", { where, message: `a rule has no "${name}"`, remedy });
    }
    if (form.holds(value)) continue;
    throw new UsageError("USAGE_VALUE", {
      where: `${where}: ${name}`,
      message: "the value is of another kind",
      found: JSON.stringify(value),
      expected: form.expected,
    });
  }
  const { kind } = rule;
  const needed = typeof kind === "string" && Object.hasOwn(NEEDS, kind) ? NEEDS[kind] : undefined;
  if (kind === undefined || (needed !== undefined && rule[needed] === undefined)) {
    const missing = kind === undefined ? "kind" : needed;
    throw new UsageError("USAGE_VALUE", { where, message: `the rule lacks "${missing}"` });
  }
}
