import { describe, expect, test } from "vitest";
import { ENTER_WORDS } from "../../sys/index.ts";
import { ENTER_AT, KIND_TABLE, KINDS, ENTERS, makeSubmit, SUBMITTED, type SubmitPlace } from "./submit-code.ts";

const CTX = 0x40;
const OWN = 0x1_0000;
const HEAD = OWN + 512;
const ARRAY = OWN + 1024;
const SQES = OWN + 4096;
const ENTRIES = 8;
/** More than are looked at in one turn. */
const MANY = 16;
const PLACE: SubmitPlace = {
  own: OWN,
  sqes: SQES,
  sqeSize: 64,
  sqMask: ENTRIES - 1,
  head: 0,
  array: 0,
  flags: 0x1e,
  flagKind: 1,
  iouCtx: CTX,
};

function rig(more: Partial<SubmitPlace>, answer: (count: number) => number = (count) => count) {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  const view = new DataView(memory.buffer);
  const calls: number[] = [];
  const submit = makeSubmit(memory, { ...PLACE, ...more }, (count) => {
    calls.push(count);
    return answer(count);
  });
  // opcode 5 is of kind 4, opcode 6 of kind 8
  view.setUint8(OWN + KIND_TABLE + 5, 4);
  view.setUint8(OWN + KIND_TABLE + 6, 8);
  const sqe = (slot: number, opcode: number, flags = 0, size = more.sqeSize ?? 64): void => {
    view.setUint8(SQES + slot * size, opcode);
    view.setUint8(SQES + slot * size + 1, flags);
  };
  return { view, calls, submit, sqe, kinds: () => view.getUint32(OWN + KINDS, true) };
}

describe("submitting", () => {
  test("counts calls and SQEs consumed, over 32 bits, and passes errors on", () => {
    const { view, calls, submit } = rig({}, (count) => (count === 3 ? -16 : count - 1));
    view.setUint32(OWN + SUBMITTED, 0xffff_ffff, true);
    expect([submit(CTX, 2), submit(CTX, 3), submit(CTX, 8), submit(CTX, 1)]).toEqual([1, -16, 7, 0]);
    expect(calls).toEqual([2, 3, 8, 1]);
    expect(view.getBigUint64(OWN + SUBMITTED, true)).toBe(0x1_0000_0007n);
    expect(view.getUint32(OWN + ENTERS, true)).toBe(4);
  });

  test("of nothing, or through a context that is none, makes no call", () => {
    const { view, calls, submit } = rig({});
    expect([submit(CTX, 0), submit(CTX + 1, 1)]).toEqual([0, -14]);
    expect(calls).toEqual([]);
    expect(view.getUint32(OWN + ENTERS, true)).toBe(0);
  });

  // several at a time where SQEs lie in a row: whichever is unlike the others is seen, and none beyond the last
  test.each([1, 7, 8, 9, 12, 15, 16])("looks at each of %i requests", (count) => {
    for (const [opcode, kinds] of [
      [0, 0],
      [5, 4],
    ] as const) {
      for (let slot = 0; slot < MANY; slot++) {
        const { submit, sqe, kinds: seen } = rig({ sqMask: MANY - 1 });
        for (let i = 0; i < MANY; i++) sqe(i, i === slot ? 6 : opcode, i === slot ? 0x10 : 0);
        submit(CTX, count);
        const others = slot === 0 && count === 1 ? 0 : kinds;
        expect(seen(), `opcode ${opcode}, slot ${slot}`).toBe(slot < count ? others | 9 : others);
      }
    }
  });

  test.each([
    // what is special of the ring, SQ head, slots looked at for 2 requests
    ["rewinding", {}, 0, [0, 1]],
    ["large SQEs", { sqeSize: 128 }, 0, [0, 1]],
    ["indices", { head: HEAD }, 0xffff_ffff, [7, 0]],
    ["an SQ array", { head: HEAD, array: ARRAY }, 2, [5, 4]],
  ])("looks at the kinds of what is submitted, and at nothing else: %s", (_, more, head, slots) => {
    for (let slot = 0; slot < ENTRIES; slot++) {
      for (const [opcode, flags, kinds] of [
        [5, 0, 4],
        [6, 0x10, 9],
        [0, 0x21, 0],
      ] as const) {
        const { view, submit, sqe, kinds: seen } = rig(more);
        view.setUint32(HEAD, head, true);
        for (let i = 0; i < ENTRIES; i++) view.setUint32(ARRAY + i * 4, ENTRIES - 1 - i, true);
        sqe(slot, opcode, flags, "sqeSize" in more ? more.sqeSize : 64);
        expect(submit(CTX, 2)).toBe(2);
        expect(seen()).toBe(slots.includes(slot) ? kinds : 0);
      }
    }
  });

  describe("by words", () => {
    const DIRECT = OWN + ENTER_AT;
    const [TAIL, TRUE_ARRAY] = [HEAD + 8, OWN + 2048];
    const MASK = ENTRIES - 1;

    /** A kernel that takes what tail and array show, from its own head on, at most `limit` of them. */
    function kernel(rewinds: boolean, limit = () => ENTRIES) {
      const memory = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
      const view = new DataView(memory.buffer);
      const taken: number[][] = [];
      let head = 0;
      const call = (): void => {
        const wanted = view.getUint32(DIRECT + ENTER_WORDS.to_submit, true);
        const shown = rewinds ? (view.getUint32(TAIL, true) - head) >>> 0 : wanted;
        const count = Math.min(wanted, shown, limit());
        taken.push(
          Array.from({ length: count }, (_, i) =>
            rewinds ? view.getUint32(TRUE_ARRAY + ((head + i) & MASK) * 4, true) : (head + i) & MASK,
          ),
        );
        head = (head + count) >>> 0;
        if (rewinds) view.setUint32(HEAD, head, true);
        view.setInt32(DIRECT + ENTER_WORDS.result, count === 0 ? -11 : count, true);
      };
      const rewind = rewinds ? { head: HEAD, tail: TAIL, array: TRUE_ARRAY, mask: MASK } : undefined;
      return { view, taken, submit: makeSubmit(memory, PLACE, { call, rewind }) };
    }

    test("hands over the count and takes the result", () => {
      let limit = 8;
      const { view, taken, submit } = kernel(false, () => limit);
      expect([submit(CTX, 3), submit(CTX, 0), submit(CTX + 1, 2)]).toEqual([3, 0, -14]);
      limit = 0;
      expect(submit(CTX, 2)).toBe(-11);
      expect(taken).toEqual([[0, 1, 2], []]);
      expect([view.getUint32(OWN + SUBMITTED, true), view.getUint32(OWN + ENTERS, true)]).toEqual([3, 2]);
    });

    test("where SQ_REWIND is emulated, always shows slots from 0 on and leaves both indices at 0", () => {
      const limits = [8, 8, 2, 8, 8, 0, 8, 3, 8];
      const counts = [8, 3, 5, 5, 8, 4, 9, 8, 1];
      let round = 0;
      const { view, taken, submit } = kernel(true, () => limits[round]);
      for (; round < counts.length; round++) {
        const expected = Math.min(counts[round], limits[round], ENTRIES);
        expect(submit(CTX, counts[round])).toBe(expected === 0 ? -11 : expected);
        expect(taken.at(-1)).toEqual(Array.from({ length: expected }, (_, i) => i));
        expect([view.getUint32(HEAD, true), view.getUint32(TAIL, true)]).toEqual([0, 0]);
      }
    });
  });

  test("of more than there are entries looks at each entry once", () => {
    const { calls, submit, sqe, kinds } = rig({});
    sqe(ENTRIES - 1, 5);
    sqe(0, 6);
    expect(submit(CTX, -1)).toBe(-1);
    expect([calls, kinds()]).toEqual([[-1], 12]);
  });
});
