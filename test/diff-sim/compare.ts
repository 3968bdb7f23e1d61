// Two outcomes of one script: the first difference, and making a script with a difference smaller.

import { DATA_AT, type Outcome, type Script } from "./script.ts";

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
    const ordered = script.phases[i]?.ordered;
    const a = ordered ? other.cqes : other.cqes.toSorted();
    const b = ordered ? phase.cqes : phase.cqes.toSorted();
    if (a.join("; ") !== b.join("; ")) {
      const onlySim = a.filter((cqe) => !b.includes(cqe));
      const onlyReal = b.filter((cqe) => !a.includes(cqe));
      const what = onlySim.length + onlyReal.length === 0 ? "order or number of " : "";
      return `phase ${i}: ${what}CQEs [${(what === "" ? onlySim : a).join("; ")}] in sim, [${(what === "" ? onlyReal : b).join("; ")}] in Linux`;
    }
  }
  const at = sim.memory.findIndex((byte, i) => byte !== real.memory[i]);
  if (at >= 0) return `memory at ${DATA_AT + at}: ${sim.memory[at]} in sim, ${real.memory[at]} in Linux`;
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
