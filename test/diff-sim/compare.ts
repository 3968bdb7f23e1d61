// Two outcomes of one script: the first difference, and making a script with a difference smaller.

import { DATA_AT, type Outcome, type Phase, type Script } from "./script.ts";

const userData = (cqe: string): string => cqe.slice(0, cqe.indexOf(" "));

/**
 * Completions that differ. Where workers and timers are at work Linux leaves the order open, but never that of the
 * completions of one request, nor that within a chain.
 */
function orderDifference(
  phase: Phase | undefined,
  sim: readonly string[],
  real: readonly string[],
): string | undefined {
  const show = (a: readonly string[], b: readonly string[]): string =>
    `[${a.join("; ")}] in sim, [${b.join("; ")}] in Linux`;
  const same = (a: readonly string[], b: readonly string[]): boolean => a.join("; ") === b.join("; ");
  if (!same(sim.toSorted(), real.toSorted())) {
    const onlySim = sim.filter((cqe) => !real.includes(cqe));
    const onlyReal = real.filter((cqe) => !sim.includes(cqe));
    return onlySim.length + onlyReal.length === 0
      ? `number of CQEs ${show(sim, real)}`
      : `CQEs ${show(onlySim, onlyReal)}`;
  }
  if (phase?.ordered === true) {
    // what was in flight before may have come there by a worker
    const own = new Set(phase.sqes.map(({ fields }) => String(fields["user_data"])));
    const [mine, theirs] = [sim, real].map((cqes) => cqes.filter((cqe) => own.has(userData(cqe))));
    if (!same(mine, theirs)) return `order of CQEs ${show(mine, theirs)}`;
  }
  const groups = [...new Set(real.map(userData))].map((one) => [one]);
  for (const chain of phase?.chains ?? []) groups.push(chain.map(String));
  for (const group of groups) {
    const of = (cqes: readonly string[]): string[] => cqes.filter((cqe) => group.includes(userData(cqe)));
    if (!same(of(sim), of(real))) return `order in chain ${group.join(", ")}: ${show(of(sim), of(real))}`;
  }
  return undefined;
}

/** A difference in words, or undefined. */
export function difference(script: Script, sim: Outcome, real: Outcome): string | undefined {
  for (const [i, phase] of real.phases.entries()) {
    const other = sim.phases[i];
    if (other === undefined) return `phase ${i} is missing`;
    if (other.submitted !== phase.submitted)
      return `phase ${i}: submitted ${other.submitted} in sim, ${phase.submitted} in Linux`;
    if (other.actions.join(" ") !== phase.actions.join(" ")) {
      return `phase ${i}: actions ${other.actions.join(" ")} in sim, ${phase.actions.join(" ")} in Linux`;
    }
    const order = orderDifference(script.phases[i], other.cqes, phase.cqes);
    if (order !== undefined) return `phase ${i}: ${order}`;
  }
  if (Buffer.compare(sim.memory, real.memory) !== 0) {
    const at = sim.memory.findIndex((byte, i) => byte !== real.memory[i]);
    return `memory at ${DATA_AT + at}: ${sim.memory[at]} in sim, ${real.memory[at]} in Linux`;
  }
  const files = JSON.stringify(sim.files);
  if (files !== JSON.stringify(real.files)) return `files ${files} in sim, ${JSON.stringify(real.files)} in Linux`;
  return undefined;
}

/** Smaller scripts, largest cuts first. */
function* smaller(script: Script): Generator<Script> {
  for (let i = script.phases.length - 1; i >= 0; i--) yield { ...script, phases: script.phases.toSpliced(i, 1) };
  for (const [i, phase] of script.phases.entries()) {
    for (let j = 0; j < phase.sqes.length; j++) {
      yield { ...script, phases: script.phases.with(i, { ...phase, sqes: phase.sqes.toSpliced(j, 1) }) };
    }
    for (let j = 0; j < phase.actions.length; j++) {
      yield { ...script, phases: script.phases.with(i, { ...phase, actions: phase.actions.toSpliced(j, 1) }) };
    }
  }
  for (const [i, phase] of script.phases.entries()) {
    for (const [j, sqe] of phase.sqes.entries()) {
      for (const name of Object.keys(sqe.fields)) {
        if (name === "opcode" || name === "user_data" || name === "file_index" || sqe.fields[name] === 0) continue;
        // taking an address away could let a request reach memory that is not its own
        if (typeof sqe.fields[name] === "object" || name === "fd" || name === "len") continue;
        // a slot number is no descriptor
        if (name === "flags" && (sqe.fields[name] & 1) !== 0) continue;
        const fields = Object.fromEntries(Object.entries(sqe.fields).filter(([key]) => key !== name));
        yield { ...script, phases: script.phases.with(i, { ...phase, sqes: phase.sqes.with(j, { ...sqe, fields }) }) };
      }
    }
  }
}

/** The smallest script found within `tries` for which `differs` still gives a difference. */
export function minimise(script: Script, differs: (script: Script) => string | undefined, tries = 120): Script {
  let left = tries;
  let best = script;
  let progress = true;
  while (progress) {
    progress = false;
    for (const candidate of smaller(best)) {
      if (left-- <= 0) return best;
      if (differs(candidate) === undefined) continue;
      best = candidate;
      progress = true;
      break;
    }
  }
  return best;
}
