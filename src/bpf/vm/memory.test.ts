import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { array, assert, boolean, constantFrom, nat, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CONTROL_BREAK,
  FIRST_ADDRESS,
  SEGMENT_END,
  SEGMENT_FLAGS,
  SEGMENT_SIZE,
  SEGMENT_START,
  SEGMENT_TABLE,
  VmError,
  VmMemory,
} from "./index.ts";

describe("segments", () => {
  test("are aligned, apart, above page 0, zeroed and found at every byte", () => {
    const memory = VmMemory.create();
    const places = [8, 4096, 16, 64].map((align, i) => ({
      align,
      size: 24 + i,
      at: memory.allocate(`s${i}`, 24 + i, { align }),
    }));
    for (const { align, size, at } of places) {
      expect(at % align).toBe(0);
      expect(at).toBeGreaterThanOrEqual(FIRST_ADDRESS);
      expect(memory.u8.slice(at, at + size).every((byte) => byte === 0)).toBe(true);
      const row = memory.find(at, size, true);
      expect([memory.start(row), memory.end(row)]).toEqual([at, at + size]);
      expect(memory.find(at + size - 1, 1, true)).toBe(row);
      expect(memory.find(at + size - 1, 2, true)).toBe(-1);
      expect(memory.find(at - 1, 1, false)).toBe(-1);
    }
  });

  test("lie as documented in page 0, sorted", () => {
    const memory = VmMemory.create();
    const b = memory.allocate("b", 8, { writable: false });
    memory.allocate("hidden", 8, { visible: false });
    const a = memory.allocate("a", 8);
    memory.removeSegment(b);
    memory.addSegment({ name: "again", start: b, end: b + 4, writable: false });
    const rows = [0, 1].map((i) =>
      [SEGMENT_START, SEGMENT_END, SEGMENT_FLAGS].map((f) =>
        memory.view.getUint32(SEGMENT_TABLE + i * SEGMENT_SIZE + f, true),
      ),
    );
    expect(rows).toEqual([
      [b, b + 4, 0],
      [a, a + 8, 1],
    ]);
    expect(memory.segments().map((s) => s.name)).toEqual(["again", "a"]);
    expect(memory.find(b, 4, true)).toBe(-1);
    expect(memory.removeSegment(a + 1)).toBe(false);
  });

  test("that overlap are refused", () => {
    const memory = VmMemory.create();
    const a = memory.allocate("a", 64);
    for (const [start, end] of [
      [a, a + 1],
      [a - 1, a + 1],
      [a + 63, a + 80],
      [0, 8],
      [a + 9, a + 8],
    ] as const) {
      expect(() => memory.addSegment({ name: "x", start, end, writable: true })).toThrow(VmError);
    }
  });

  test("allocation grows the memory up to its maximum, and then says so", () => {
    const memory = VmMemory.create({ initial: 1 << 17, maximum: 1 << 20 });
    const address = memory.allocate("big", 500_000);
    memory.u8[address + 499_999] = 7;
    expect(memory.size).toBeGreaterThan(500_000);
    expect(() => memory.allocate("more", 1 << 20)).toThrow(/no room for more/);
    expect(memory.u8[address + 499_999]).toBe(7);
  });

  test("a memory of 2 GiB is refused, and one not made by create() too", () => {
    expect(() => VmMemory.create({ maximum: 2 ** 31 })).toThrow(VmError);
    expect(() => VmMemory.attach(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }))).toThrow(VmError);
  });

  test("another view of the same memory sees segments, generation and the abort flag", () => {
    const memory = VmMemory.create();
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(memory.memory);
    const other = VmMemory.attach(receiveMessageOnPort(port2)!.message as WebAssembly.Memory);
    port1.close();
    const before = other.generation;
    const address = memory.allocate("shared é", 3 << 20);
    expect(other.generation).not.toBe(before);
    expect(other.segments()).toEqual([{ name: "shared é", start: address, end: address + (3 << 20), writable: true }]);
    memory.u8[address + (3 << 20) - 1] = 9;
    expect(other.u8[address + (3 << 20) - 1]).toBe(9);
    memory.abort();
    expect(other.aborted).toBe(true);
    other.abort(false);
    expect(memory.aborted).toBe(false);
  });

  test("what lies nearest is named", () => {
    const memory = VmMemory.create();
    const a = memory.allocate("map 'a' value", 16);
    const b = memory.allocate(".rodata", 16, { writable: false });
    const cases: [number | bigint, number, boolean, string][] = [
      [0, 8, false, "NULL"],
      [16, 8, false, "near NULL"],
      [a + 16, 4, false, "0 bytes past the end of map 'a' value"],
      [a + 24, 4, false, "8 bytes past the end of map 'a' value"],
      [a + 12, 8, false, "the last 4 bytes of it lie past the end of map 'a' value"],
      [b - 1, 1, false, "1 byte before the start of .rodata"],
      [b, 4, true, ".rodata is read-only"],
      [0xffff_ffff_0000_0000n, 4, false, "the program's memory lies within"],
    ];
    for (const [address, size, write, text] of cases)
      expect(memory.describe(BigInt(address), size, write)).toContain(text);
  });
});

describe("memory given back", () => {
  const REQUEST = record({
    size: nat(20_000),
    align: constantFrom(1, 8, 64, 4096),
    visible: boolean(),
    release: array(nat(7), { maxLength: 3 }),
  });

  test("is handed out again, zeroed, apart from everything in use, and whole in the end", () => {
    assert(
      property(array(REQUEST, { minLength: 1, maxLength: 40 }), (requests) => {
        const memory = VmMemory.create({ maximum: 4 << 20 });
        const used: { start: number; end: number }[] = [];
        const giveBack = (index: number): void => {
          for (const { start } of used.splice(index, 1)) {
            expect(memory.release(start)).toBe(true);
            expect(memory.release(start)).toBe(false);
            expect(memory.find(start, 1, false)).toBe(-1);
          }
        };
        for (const { size, align, visible, release } of requests) {
          const start = memory.allocate("x", size, { align, visible });
          const end = start + size;
          expect(start % align).toBe(0);
          for (const other of used) expect(start >= other.end + 48 || end + 48 <= other.start).toBe(true);
          expect(memory.u8.subarray(start, end).every((byte) => byte === 0)).toBe(true);
          expect(memory.find(start, size, true) >= 0).toBe(visible);
          memory.u8.fill(0xff, start, end);
          used.push({ start, end });
          for (const index of release) if (index < used.length) giveBack(index);
        }
        while (used.length > 0) giveBack(0);
        expect(memory.segments()).toEqual([]);
        const { size } = memory;
        const all = memory.view.getUint32(CONTROL_BREAK, true) - FIRST_ADDRESS;
        // a segment would take a row of the shadow too
        memory.allocate("all of it", all - 64, { visible: false });
        expect([memory.size, memory.view.getUint32(CONTROL_BREAK, true)]).toEqual([size, all + FIRST_ADDRESS]);
      }),
      { numRuns: 60 },
    );
  });

  test("of page-aligned pieces leaves no gaps that add up", () => {
    const memory = VmMemory.create();
    const round = (): number[] =>
      [4096, 8192, 16, 4, 4096].map((size) => memory.allocate("a piece", size, { align: size < 4096 ? 8 : 4096 }));
    const first = round();
    const end = memory.view.getUint32(CONTROL_BREAK, true);
    for (let i = 0, pieces = first; i < 1000; i++, pieces = round()) {
      for (const start of pieces) memory.release(start);
      expect(memory.view.getUint32(CONTROL_BREAK, true)).toBe(end);
    }
  });

  test("may be asked for only where something was handed out", () => {
    const memory = VmMemory.create();
    const start = memory.allocate("a", 64);
    for (const wrong of [0, 8, start - 8, start + 8, start + 1, 1 << 20, -8, Number.NaN])
      expect(memory.release(wrong)).toBe(false);
    expect(memory.find(start, 64, true)).toBe(0);
  });

  test("keeps the names of segments, however many there were", () => {
    const memory = VmMemory.create();
    for (let i = 0; i < 10_000; i++) memory.release(memory.allocate(`map 'm${i % 10}' value`, 8));
    memory.allocate("a late one", 8);
    expect(memory.segments().map(({ name }) => name)).toEqual(["a late one"]);
  });
});
