// The committed objects of the BPF programs are what their sources compile to.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
// @ts-expect-error a script without types
import * as build from "../scripts/build-programs.mjs";
import { PROGRAMS } from "../src/programs/index.ts";
import { ROOT } from "./command-line.ts";

const { hasClang, programSources, staleObjects } = build as {
  readonly hasClang: () => boolean;
  readonly programSources: () => string[];
  readonly staleObjects: () => string[];
};

describe("committed objects", () => {
  it("lie beside their sources", () => {
    const sources = programSources();
    for (const { name } of PROGRAMS) expect(sources).toContain(`src/programs/${name}/${name}.bpf.c`);
    expect(sources.filter((source) => !existsSync(path.join(ROOT, source.replace(/\.c$/, ".o"))))).toEqual([]);
  });

  it("name their sources from the project's folder on, wherever they were compiled", () => {
    const absolute = programSources().filter((source) => {
      const object = readFileSync(path.join(ROOT, source.replace(/\.c$/, ".o")), "latin1");
      return /\0\/[^\0]*\.bpf\.c\0/.test(object);
    });
    expect(absolute).toEqual([]);
  });

  const reason = hasClang() ? "" : " (skipped: no clang-19 here)";
  it.skipIf(reason)(`are what the sources compile to${reason}`, () => {
    expect(staleObjects(), "run npm run build:programs").toEqual([]);
  });
});
