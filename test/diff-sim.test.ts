// A few random scripts on the simulator and on the host's real ring; `npm run diff -- sim` plays thousands.

import { describe, expect, it } from "vitest";
import { probeIoUring } from "../src/sys/index.ts";
import { generate } from "./diff-sim/generate.ts";
import { playBoth } from "./diff-sim/play-both.ts";

const probe = probeIoUring();
const missing = probe.available ? (process.arch === "x64" ? undefined : "the scripts need x86-64") : probe.why;

describe(
  missing === undefined ? "the simulator and this machine's ring" : `no ring to compare with: ${missing}`,
  () => {
    it.skipIf(missing !== undefined)("answer the same", () => {
      for (let seed = 1; seed <= 40; seed++) {
        const script = generate(seed);
        // a busy machine may let a short timer overtake a worker: only what happens each time counts
        let { difference } = playBoth(script);
        for (let again = 0; again < 3 && difference !== undefined; again++) ({ difference } = playBoth(script));
        expect(difference, `seed ${seed}`).toBeUndefined();
      }
    });
  },
);
