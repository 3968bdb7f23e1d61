// Completions of a run, counted in full. All there is to count them by is the CQ tail, which has 32 bits: after 2 ** 32 of
// them it stands where it stood.

const WRAP = 2 ** 32;

/** The count of completions whose low 32 bits are `difference`, of those the one nearest to `near`. */
export function fullCount(difference: number, near: number): number {
  const low = difference >>> 0;
  return low + Math.max(0, Math.round((near - low) / WRAP)) * WRAP;
}

/** Counts how far a 32-bit index has come by looking at it more often than it wraps. */
export class IndexCount {
  readonly #read: () => number;
  #last: number;
  #total = 0;

  /** `read` gives the index; counting begins now. */
  constructor(read: () => number) {
    this.#read = read;
    this.#last = read();
  }

  /** Looks at the index; all it has advanced by since the first look. */
  look(): number {
    const now = this.#read();
    this.#total += (now - this.#last) >>> 0;
    this.#last = now;
    return this.#total;
  }
}
