// A small seeded generator (xorshift128 over 32-bit words, seeded by splitmix32), the same on every engine and machine.

/** A deterministic stream of numbers drawn from one seed. */
export class Prng {
  readonly #state = new Uint32Array(4);

  /** `seed`: any number; its low 32 bits and the next 21 count. */
  constructor(seed: number) {
    let x = (seed ^ Math.floor(seed / 0x1_0000_0000)) >>> 0;
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.#state[i] = (z ^ (z >>> 16)) >>> 0;
    }
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** Uniform in [0, 2^32). */
  u32(): number {
    // xorshift128 (Marsaglia 2003)
    const s = this.#state;
    let t = s[3];
    const first = s[0];
    s[3] = s[2]!;
    s[2] = s[1]!;
    s[1] = first;
    t ^= t << 11;
    t ^= t >>> 8;
    s[0] = t ^ first ^ (first >>> 19);
    return s[0];
  }

  /** Uniform in [0, bound), bound in 1..2^32. */
  below(bound: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * bound);
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.u32() / 0x1_0000_0000;
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.unit() < p;
  }

  /** One element of a non-empty list. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}
