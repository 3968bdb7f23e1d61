// Keeping the views of a range in step works on words in place; the same steps made of arcs and tnums (harness.ts) must
// give the same range, also for views that contradict each other.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Range } from "./bounds.ts";
import { Cnum32, Cnum64 } from "./cnum.ts";
import { edgeWord as word, narrowArcs, narrowLowArc, syncInParts } from "./harness.ts";
import { boundsFromBits, narrowLow, sync } from "./range-sync.ts";
import { Tnum } from "./tnum.ts";
import { andNot, ltu, U64 } from "./u64.ts";

const range: fc.Arbitrary<Range> = fc
  .record({ value: word, mask: word, base: word, size: word, base32: word, size32: word })
  .map(
    ({ value, mask, base, size, base32, size32 }) =>
      new Range(new Tnum(andNot(value, mask), mask), new Cnum64(base, size), new Cnum32(base32.lo, size32.lo)),
  );

/** Ranges whose views agree on one value. */
const consistent: fc.Arbitrary<Range> = fc
  .record({ value: word, mask: word, below: word, size: word, below32: word, size32: word })
  .map(({ value, mask, below, size, below32, size32 }) => {
    const back = ltu(size, below) ? size : below;
    const back32 = Math.min(below32.lo >>> 0, size32.lo >>> 0);
    const minus = (a: U64, b: U64): U64 =>
      new U64((a.hi - b.hi - (a.lo >>> 0 < b.lo >>> 0 ? 1 : 0)) | 0, (a.lo - b.lo) | 0);
    return new Range(
      new Tnum(andNot(value, mask), mask),
      new Cnum64(minus(value, back), size),
      new Cnum32(value.lo - back32, size32.lo),
    );
  });

describe("views of a range in step", () => {
  it.each([
    ["at once", sync, syncInParts],
    ["by the bits", boundsFromBits, narrowArcs],
    ["by the low bits", narrowLow, narrowLowArc],
  ])("are what the steps made of arcs and tnums give: %s", (_, inPlace, parts) => {
    fc.assert(
      fc.property(fc.oneof(range, consistent), (a) => {
        expect(inPlace(a)).toEqual(parts(a));
      }),
      { numRuns: 3000 },
    );
  });
});
