import { array, assert, nat, property } from "fast-check";
import { expect, test } from "vitest";

import { IORING_CQE_F, parseSetupFlags } from "../abi/index.ts";
import { BufferRing } from "./buffer-ring.ts";
import { CompletionQueue } from "./completion-queue.ts";
import { ringsLayout } from "./layout.ts";
import { SubmissionQueue } from "./submission-queue.ts";

const flagsOf = (names: string): number => parseSetupFlags(names.split(" ").filter(Boolean));

test.each([
  // flags, entries, cq_entries -> sq, cq, array offset, rings size, SQE size
  ["", 8, 0, 8, 16, 320, 4096, 4096],
  ["NO_SQARRAY CQSIZE", 8, 8, 8, 8, 0, 4096, 4096],
  ["CQE32", 8, 0, 8, 16, 640, 4096, 4096],
  ["SQE128 NO_SQARRAY", 64, 0, 64, 128, 0, 4096, 8192],
  ["", 1, 0, 1, 2, 128, 4096, 4096],
  ["CQSIZE", 128, 252, 128, 256, 4160, 8192, 8192],
  // 64 + 256 * 16 = 4160: the CQEs alone need the second page
  ["NO_SQARRAY CQSIZE", 128, 256, 128, 256, 0, 8192, 8192],
  ["CLAMP", 100000, 0, 32768, 65536, 64 + 65536 * 16, 1183744, 2097152],
])("layout [%s] %i/%i", (flags, entries, cq_entries, sq, cq, array, ringsSize, sqesSize) => {
  const layout = ringsLayout({ entries, cq_entries, flags: flagsOf(flags) });
  expect(layout.params).toMatchObject({ sq_entries: sq, cq_entries: cq });
  expect([layout.params.sq_off.array, layout.ringsSize, layout.sqesSize]).toEqual([array, ringsSize, sqesSize]);
  expect(layout.ringsReserve).toBeGreaterThanOrEqual(layout.ringsSize);
});

/** A ring without a kernel; `serve` does what the kernel does with the queued SQEs. */
function ringOf(flags: string, entries = 4, cq_entries = 8) {
  const layout = ringsLayout({ entries, cq_entries, flags: flagsOf(`CQSIZE ${flags}`) });
  const buffer = new SharedArrayBuffer(4096 + layout.ringsSize + layout.sqesSize);
  const place = { rings: 4096, sqes: 4096 + layout.ringsSize };
  const view = new DataView(buffer);
  return {
    sq: new SubmissionQueue(buffer, place, layout.params),
    cq: new CompletionQueue(buffer, place, layout.params),
    view,
    layout,
    place,
  };
}

test.each(["", "NO_SQARRAY"])("indices run on past the ring [%s]", (flags) => {
  assert(
    property(array(nat(4), { maxLength: 20 }), (batches) => {
      const { sq, place } = ringOf(flags);
      let total = 0;
      for (const batch of batches) {
        for (let i = 0; i < batch; i++) {
          const slot = sq.take();
          expect(slot).toBe(sq.sqe(total + i));
          expect(slot!.at).toBe(place.sqes + ((total + i) & 3) * 64);
          expect(sq.slotOf(total + i)).toBe((total + i) & 3);
        }
        expect(sq.space).toBe(4 - batch);
        expect(sq.commit()).toBe(batch);
        total += batch;
        expect(sq.tail).toBe(total);
        sq.head = total;
      }
    }),
  );
});

test("a full queue hands out nothing", () => {
  const { sq } = ringOf("");
  for (let i = 0; i < 4; i++) expect(sq.take()).toBeDefined();
  expect(sq.take()).toBeUndefined();
  expect(sq.commit()).toBe(4);
  sq.head = 1;
  expect(sq.take()).toBe(sq.sqe(0));
});

test("indices wrap at 2^32", () => {
  const { layout, view, place } = ringOf("");
  view.setUint32(place.rings, 0xffff_fffe, true);
  view.setUint32(place.rings + 4, 0xffff_fffe, true);
  const sq = new SubmissionQueue(view.buffer, place, layout.params);
  for (let i = 0; i < 4; i++) expect(sq.take()).toBe(sq.sqe((0xffff_fffe + i) >>> 0));
  expect(sq.take()).toBeUndefined();
  expect(sq.commit()).toBe(4);
  expect(sq.tail).toBe(2);
});

test("with SQ_REWIND every batch starts at slot 0 and the indices stay 0", () => {
  const { sq } = ringOf("NO_SQARRAY SQ_REWIND");
  for (const batch of [3, 2, 4]) {
    for (let i = 0; i < batch; i++) expect(sq.take()).toBe(sq.sqe(i));
    expect(sq.commit()).toBe(batch);
    expect([sq.head, sq.tail]).toEqual([0, 0]);
  }
});

function post(ring: ReturnType<typeof ringOf>, user_data: bigint, res: number, flags: number): void {
  const at = ring.cq.at(ring.cq.tail);
  ring.view.setBigUint64(at, user_data, true);
  ring.view.setInt32(at + 8, res, true);
  ring.view.setUint32(at + 12, flags, true);
}

test("CQEs are read in place and consumed", () => {
  const ring = ringOf("");
  for (let i = 0; i < 3; i++) {
    post(ring, BigInt(i) << 60n, -i, i);
    ring.cq.tail += 1;
  }
  expect(ring.cq.ready).toBe(3);
  expect([ring.cq.userData(2), ring.cq.res(2), ring.cq.cqeFlags(2)]).toEqual([2n << 60n, -2, 2]);
  expect(ring.cq.take()).toEqual([0, 1, 2].map((i) => ({ user_data: BigInt(i) << 60n, res: 0 - i, flags: i })));
  expect([ring.cq.ready, ring.cq.head]).toEqual([0, 3]);
});

test("CQE32 has 32 bytes each", () => {
  const ring = ringOf("CQE32");
  ring.cq.head = ring.cq.tail = 1;
  post(ring, 7n, 1, 0);
  ring.view.setBigUint64(ring.cq.at(1) + 24, 9n, true);
  ring.cq.tail = 2;
  expect(ring.cq.at(1) - ring.cq.at(0)).toBe(32);
  expect(ring.cq.take()).toEqual([{ user_data: 7n, res: 1, flags: 0, big_cqe: [0n, 9n] }]);
});

test("a mixed ring has large CQEs in two slots and gap fillers", () => {
  const ring = ringOf("CQE_MIXED");
  const { IORING_CQE_F_32, IORING_CQE_F_SKIP } = IORING_CQE_F;
  for (const [user_data, flags, slots] of [
    [1n, 0, 1],
    [2n, IORING_CQE_F_32, 2],
    [3n, IORING_CQE_F_SKIP, 1],
    [4n, 0, 1],
  ] as const) {
    post(ring, user_data, 0, flags);
    ring.cq.tail += slots;
  }
  expect(ring.cq.take().map((cqe) => [cqe.user_data, cqe.big_cqe?.length])).toEqual([
    [1n, undefined],
    [2n, 2],
    [4n, undefined],
  ]);
  expect(ring.cq.head).toBe(5);
});

test("a buffer ring publishes what was added, its tail shared with the first entry", () => {
  const buffer = new SharedArrayBuffer(256);
  const ring = new BufferRing(buffer, 64, 8);
  ring.add(0x1234_5678_9abcn, 100, 7);
  ring.add(4096, 200, 8);
  expect(ring.tail).toBe(0);
  ring.commit();
  expect(ring.tail).toBe(2);
  expect(new DataView(buffer).getUint16(64 + 14, true)).toBe(2);
  expect([ring.entry(0), ring.entry(1)]).toEqual([
    { addr: 0x1234_5678_9abcn, len: 100, bid: 7 },
    { addr: 4096n, len: 200, bid: 8 },
  ]);
});
