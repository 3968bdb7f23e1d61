// One script, both sides. Linux need not answer the same each time: a busy machine lets a timer overtake a worker, and two
// workers race. So where the sides differ, Linux is asked again: the simulator may give any answer that Linux gave, and none
// that it never gave.

import { difference } from "./compare.ts";
import { realTarget } from "./real-target.ts";
import type { Outcome, Script } from "./script.ts";
import { simTarget } from "./sim-target.ts";
import { play, type Target } from "./target.ts";

/** How often Linux is asked before a difference counts: the rarer ways of a race must have had their chance. */
export const REPEATS = 128;

export interface Both {
  readonly sim: Outcome;
  /** Linux's answer: the one the simulator gave too, or the last. */
  readonly real: Outcome;
  readonly difference: string | undefined;
  /** How often Linux was asked. */
  readonly asked: number;
  /** Different answers of Linux. */
  readonly answers: number;
}

function on(target: Target, script: Script, expected?: readonly number[]): Outcome {
  try {
    return play(script, target, expected);
  } finally {
    target.dispose();
  }
}

/** Plays a script on the simulator. */
export const playSim = (script: Script): Outcome => on(simTarget(), script);

/** Plays a script on both sides. */
export function playBoth(script: Script, repeats: number = REPEATS): Both {
  const sim = playSim(script);
  const expected = sim.phases.map(({ cqes }) => cqes.length);
  const answers = new Set<string>();
  for (let asked = 1; ; asked++) {
    const real = on(realTarget(asked), script, expected);
    const what = difference(script, sim, real);
    answers.add(what ?? "");
    if (what === undefined || asked >= repeats) return { sim, real, difference: what, asked, answers: answers.size };
  }
}
