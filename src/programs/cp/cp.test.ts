// cp on every engine that can be had: sizes, geometries, errors told by errno and offset; and in the simulated kernel short
// transfers, requests to be tried again, and completions out of order.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSimEngine } from "../../engine/sim/index.ts";
import { NodeWorld } from "../../engine/sim/node/index.ts";
import { openUserEngine } from "../../engine/user/index.ts";
import type { Engine } from "../../loop/index.ts";
import { probeIoUring } from "../../sys/index.ts";
import { copyDescriptor, copyFile, ProgramError, type CopyOptions } from "../index.ts";

const EAGAIN = -11;
const EISDIR = -21;
const ENOSPC = -28;
const EBADF = -9;
const EIO = -5;

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-cp-"));
afterAll(() => rmSync(dir, { recursive: true }));
const from = path.join(dir, "from");
const to = path.join(dir, "to");

/** Bytes in which no two places look alike. */
const pattern = (size: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31) ^ (i >> 8) ^ (i >> 16)));

/** Copies `bytes` through files and compares. */
async function copied(engine: Engine, bytes: Buffer, options?: CopyOptions): Promise<void> {
  writeFileSync(from, bytes);
  const result = await copyFile(engine, from, to, options);
  expect(result.bytes).toBe(BigInt(bytes.length));
  expect(readFileSync(to).equals(bytes)).toBe(true);
}

async function failure(work: Promise<unknown>): Promise<ProgramError> {
  const error = await work.then(
    () => expect.unreachable("the copy was expected to fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProgramError);
  return error as ProgramError;
}

const probe = probeIoUring();
const ENGINES: readonly { name: string; missing: string | undefined; open: () => Engine }[] = [
  { name: "user", missing: probe.available ? undefined : probe.why, open: () => openUserEngine() },
  { name: "sim over real files", missing: undefined, open: () => openSimEngine({ world: new NodeWorld() }) },
];

for (const { name, missing, open } of ENGINES) {
  describe.skipIf(missing)(missing ? `cp, engine ${name} (skipped: ${missing})` : `cp, engine ${name}`, () => {
    let engine: Engine;
    beforeAll(() => {
      engine = open();
    });
    afterAll(() => engine?.[Symbol.dispose]());

    for (const size of [0, 1, 4095, 4096, 4097, 65_536, 3 * 1024 * 1024 + 123]) {
      it(`copies ${size} bytes`, () => copied(engine, pattern(size)));
    }

    for (const [size, bufferSize, buffers] of [
      [0, 1, 1],
      [100, 1, 1],
      [100, 1, 64],
      [1000, 7, 3],
      [4096, 4096, 1],
      [4096, 4096, 64],
      [40_960, 4096, 8],
      [40_961, 4096, 8],
      [100_000, 10_000, 5],
      [99_999, 10_000, 33],
      [5, 1 << 20, 2],
    ] as const) {
      it(`copies ${size} bytes by ${buffers} buffers of ${bufferSize}`, () =>
        copied(engine, pattern(size), { bufferSize, buffers }));
    }

    it("reads and writes each chunk once", async () => {
      writeFileSync(from, pattern(8 * 4096));
      const { reads, writes } = await copyFile(engine, from, to, { bufferSize: 4096, buffers: 4 });
      expect(writes).toBe(8n);
      // besides the chunks, each buffer may look for one behind the end
      expect(reads).toBeGreaterThanOrEqual(9n);
      expect(reads).toBeLessThanOrEqual(12n);
    });

    it("replaces a longer file", async () => {
      writeFileSync(to, pattern(10_000));
      await copied(engine, pattern(10));
    });

    it("copies a file with holes as zeros", async () => {
      writeFileSync(from, "start");
      truncateSync(from, 1 << 20);
      await copied(engine, readFileSync(from));
    });

    it("tells of a descriptor that is none", async () => {
      expect((await failure(copyDescriptor(engine, -1, -1))).errno).toBe(EBADF);
    });

    it("refuses to copy a file onto itself, and leaves it alone", async () => {
      writeFileSync(from, "precious");
      const error = await failure(copyFile(engine, from, `${dir}/../${path.basename(dir)}/from`));
      expect(error.code).toBe("PROGRAM_SAME_FILE");
      expect(readFileSync(from, "utf8")).toBe("precious");
    });

    for (const options of [
      { buffers: 0 },
      { buffers: 65 },
      { buffers: 1.5 },
      { bufferSize: 0 },
      { bufferSize: Number.NaN },
    ]) {
      it(`refuses ${JSON.stringify(options)}`, async () => {
        const error = await failure(copyFile(engine, from, to, options));
        expect(error.code).toBe("PROGRAM_VALUE");
        expect(error.where).toBe(Object.keys(options)[0]);
      });
    }

    it("tells of a source that is not there", async () => {
      await expect(copyFile(engine, path.join(dir, "none"), to)).rejects.toThrow(/none/);
    });
  });
}

const noRing = probe.available ? undefined : probe.why;
describe.skipIf(noRing)(noRing ? `cp on a real ring (skipped: ${noRing})` : "cp on a real ring", () => {
  let engine: Engine;
  beforeAll(() => {
    engine = openUserEngine();
  });
  afterAll(() => engine?.[Symbol.dispose]());

  /** Opens both, runs `work`, closes both. */
  async function withFiles(
    source: readonly [string, string | number],
    target: readonly [string, string | number],
    options?: CopyOptions,
  ): Promise<bigint> {
    const fds = [openSync(...source), openSync(...target)] as const;
    try {
      return (await copyDescriptor(engine, ...fds, options)).bytes;
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  }

  it("tells where a device was full", async () => {
    writeFileSync(from, pattern(10_000));
    const error = await failure(copyFile(engine, from, "/dev/full"));
    expect([error.errno, error.message]).toEqual([ENOSPC, expect.stringMatching(/write at offset 0 failed .*ENOSPC/)]);
  });

  it("appends, with one buffer, to a target opened with O_APPEND", async () => {
    writeFileSync(from, pattern(10_000));
    writeFileSync(to, "before");
    expect(await withFiles([from, "r"], [to, "a"], { buffers: 1, bufferSize: 999 })).toBe(10_000n);
    expect(readFileSync(to).equals(Buffer.concat([Buffer.from("before"), pattern(10_000)]))).toBe(true);
  });

  it("tells that a folder cannot be read", async () => {
    const error = await failure(withFiles([dir, "r"], [to, "w"]));
    expect([error.code, error.errno]).toEqual(["PROGRAM_FAILED", EISDIR]);
    expect(error.message).toMatch(/read at offset \d+ .*EISDIR/);
  });
});

describe("cp in the simulated kernel", () => {
  it("copies right through short transfers, interruptions and completions in any order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          size: fc.integer({ min: 0, max: 20_000 }),
          bufferSize: fc.integer({ min: 100, max: 5000 }),
          buffers: fc.integer({ min: 1, max: 9 }),
          seed: fc.integer({ min: 1, max: 1_000_000 }),
        }),
        async ({ size, bufferSize, buffers, seed }) => {
          using engine = openSimEngine({
            world: new NodeWorld(),
            seed,
            faults: {
              rules: [
                { kind: "short", bytes: [1, bufferSize], op: ["READ", "WRITE"], chance: 0.5 },
                { kind: "error", errno: 4, op: ["READ", "WRITE", "SYNC_FILE_RANGE"], chance: 0.1 },
                { kind: "error", errno: 11, op: ["READ", "WRITE", "SYNC_FILE_RANGE"], chance: 0.1 },
                { kind: "latency", ns: [0, 1_000_000] },
              ],
            },
          });
          await copied(engine, pattern(size), { bufferSize, buffers });
        },
      ),
      { numRuns: 30 },
    );
  });

  it("gives up on a read that asks to be tried again for ever", async () => {
    using engine = openSimEngine({
      world: new NodeWorld(),
      faults: { rules: [{ kind: "error", errno: -EAGAIN, op: "READ" }] },
    });
    writeFileSync(from, pattern(100));
    expect((await failure(copyFile(engine, from, to))).errno).toBe(EAGAIN);
  });

  it("waits for what is in flight after an error, and reports the first one", async () => {
    using engine = openSimEngine({
      world: new NodeWorld(),
      faults: { rules: [{ kind: "error", errno: -EIO, op: "WRITE", nth: 3 }] },
    });
    writeFileSync(from, pattern(40_960));
    const error = await failure(copyFile(engine, from, to, { bufferSize: 4096, buffers: 4 }));
    expect([error.errno, error.message]).toEqual([EIO, expect.stringMatching(/write at offset \d+ failed/)]);
  });
});
