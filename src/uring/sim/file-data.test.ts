import { describe, expect, it } from "vitest";
import { Prng } from "../../base/index.ts";
import { FileData } from "./file-data.ts";

describe("the bytes of a file", () => {
  it("are those of a plain array, whatever is done to it", () => {
    const prng = new Prng(7);
    const file = new FileData();
    let plain = new Uint8Array(0);
    const grow = (size: number): void => {
      if (size <= plain.length) return;
      const grown = new Uint8Array(size);
      grown.set(plain);
      plain = grown;
    };
    for (let round = 0; round < 500; round++) {
      const at = prng.below(300_000);
      switch (prng.below(4)) {
        case 0: {
          const bytes = new Uint8Array(prng.below(100_000)).fill(round + 1);
          file.write(at, bytes);
          if (bytes.length > 0) grow(at + bytes.length);
          plain.set(bytes, Math.min(at, plain.length));
          if (bytes.length === 0) file.resize(plain.length);
          break;
        }
        case 1:
          file.resize(at);
          if (at < plain.length) plain = plain.slice(0, at);
          else grow(at);
          break;
        case 2:
          file.clear(at, at + 70_000);
          plain.fill(0, Math.min(at, plain.length), Math.min(at + 70_000, plain.length));
          break;
        default: {
          const from = Math.min(at, plain.length);
          const count = Math.min(prng.below(150_000), plain.length - from);
          const out = new Uint8Array(count + 2).fill(0xee);
          file.read(from, out, 1, count);
          // byte by byte, an assertion would take seconds
          expect(Buffer.compare(out.subarray(1, count + 1), plain.subarray(from, from + count))).toBe(0);
          expect([out[0], out[count + 1]]).toEqual([0xee, 0xee]);
        }
      }
      expect(file.size).toBe(plain.length);
    }
  });

  it("cost nothing where nothing was written", () => {
    const file = new FileData();
    file.resize(2 ** 43);
    expect(file.held).toBe(0);
    file.write(2 ** 42, Uint8Array.of(1, 2, 3));
    expect(file.held).toBeLessThan(4096);
    const out = new Uint8Array(5);
    file.read(2 ** 42 - 1, out, 0, 5);
    expect([...out]).toEqual([0, 1, 2, 3, 0]);
    file.resize(0);
    expect(file.held).toBe(0);
  });
});
