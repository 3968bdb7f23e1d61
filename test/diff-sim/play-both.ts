// One script, both sides.

import { difference } from "./compare.ts";
import { realTarget } from "./real-target.ts";
import type { Outcome, Script } from "./script.ts";
import { simTarget } from "./sim-target.ts";
import { play, type Target } from "./target.ts";

/** Plays a script on both sides. */
export function playBoth(script: Script): { sim: Outcome; real: Outcome; difference: string | undefined } {
  const on = (target: Target, expected?: readonly number[]): Outcome => {
    try {
      return play(script, target, expected);
    } finally {
      target.dispose();
    }
  };
  const sim = on(simTarget());
  const real = on(
    realTarget(),
    sim.phases.map(({ cqes }) => cqes.length),
  );
  return { sim, real, difference: difference(script, sim, real) };
}
