// A step of the build (build.mjs). V8 reads a function twice: for its end while the file is loaded, in full when it is first
// called, which is most of what a first verdict takes. A function expression in parentheses is compiled while the file is
// loaded, and read once. So what a verdict is seen to call is written that way.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { RolldownMagicString } from "rolldown";
import { parseSync } from "rolldown/utils";

/**
 * The names of the functions that `commands` call, by the name of their file in `dir`.
 * @param {string} dir
 * @param {readonly (readonly string[])[]} commands a file of `dir` and its arguments each
 * @returns {Map<string, Set<string>>}
 */
export function calledFunctions(dir, commands) {
  const seen = mkdtempSync(path.join(tmpdir(), "loopstep-called-"));
  try {
    for (const words of commands) {
      // what it says does not matter, only what it calls
      spawnSync(process.execPath, [...words], { cwd: dir, env: { ...process.env, NODE_V8_COVERAGE: seen } });
    }
    const called = new Map();
    const base = pathToFileURL(`${dir}${path.sep}`).href;
    for (const name of readdirSync(seen)) {
      const { result } = JSON.parse(readFileSync(path.join(seen, name), "utf8"));
      for (const { url, functions } of result) {
        if (!url.startsWith(base)) continue;
        const file = url.slice(base.length);
        const names = called.get(file) ?? new Set();
        for (const { functionName, ranges } of functions) if (ranges[0].count > 0) names.add(functionName);
        called.set(file, names);
      }
    }
    return called;
  } finally {
    rmSync(seen, { recursive: true });
  }
}

/**
 * Writes `function f() {}` as `var f = (function f() {})` where `called` names it. A declaration can be called above
 * where it stands, so these go to the top of their file: they see the same names from there.
 * @param {ReadonlyMap<string, ReadonlySet<string>>} called
 * @returns {import("rolldown").Plugin}
 */
export function eagerFunctions(called) {
  return {
    name: "eager-functions",
    renderChunk(code, { fileName, isEntry }) {
      const names = called.get(fileName);
      // an entry is small, and may begin with #!
      if (names === undefined || isEntry) return undefined;
      const text = new RolldownMagicString(code);
      for (const node of parseSync(fileName, code).program.body) {
        if (node.type !== "FunctionDeclaration" || node.async || node.generator) continue;
        const name = node.id?.name ?? "";
        if (!names.has(name)) continue;
        text.prependRight(node.start, `var ${name} = (`);
        text.appendLeft(node.end, ");\n");
        text.move(node.start, node.end, 0);
      }
      return { code: text };
    },
  };
}
