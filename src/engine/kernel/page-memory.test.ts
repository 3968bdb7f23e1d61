import { describe, expect, test } from "vitest";
import { Prng } from "../../base/index.ts";
import { PageMemory } from "./page-memory.ts";

describe("pages of the engine", () => {
  test("what is handed out never overlaps, is zero, and comes back", () => {
    const memory = new PageMemory();
    const prng = new Prng(7);
    const held: { start: number; size: number }[] = [];
    for (let round = 0; round < 400; round++) {
      if (held.length > 20 || (held.length > 0 && prng.chance(0.4))) {
        const [{ start, size }] = held.splice(prng.below(held.length), 1) as [{ start: number; size: number }];
        memory.release(start, size);
        continue;
      }
      const size = prng.below(100_000);
      const start = memory.allocate(size);
      const bytes = memory.bytes.subarray(start, start + size);
      expect(start % 4096).toBe(0);
      expect(bytes.every((byte) => byte === 0)).toBe(true);
      bytes.fill(1 + (round % 255));
      for (const other of held) expect(start + size <= other.start || other.start + other.size <= start).toBe(true);
      held.push({ start, size });
    }
    for (const { start, size } of held) memory.release(start, size);
    const size = memory.memory.buffer.byteLength;
    expect(memory.allocate(size - 4096)).toBe(4096);
    expect(memory.memory.buffer.byteLength).toBe(size);
  });

  test("a full memory says so", () => {
    expect(() => new PageMemory().allocate(2 ** 31)).toThrow(/memory is full/);
  });
});
