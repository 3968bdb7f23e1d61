// A step of the build (build.mjs). V8 reads a function twice: for its end while the file is loaded, in full when it is first
// called, which is most of what a first verdict takes. A function expression in parentheses is compiled while the file is
// loaded, and read once. So what a verdict is seen to call is written that way; methods cannot be.

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

/** What an arrow function has from around it, and another function of its own. */
const FROM_OUTSIDE = /\b(?:this|arguments|super|new\.target|await)\b/;

/**
 * Writes what `called` names as expressions in parentheses: `function f() {}` as `var f = (function f() {})` at the top of
 * its file, for a declaration can be called above where it stands (it sees the same names from there), and
 * `const f = (a) => a` as `const f = (function (a) { return a; })`.
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
        if (node.type === "FunctionDeclaration" && names.has(node.id?.name ?? "")) declaration(text, node);
        if (node.type !== "VariableDeclaration") continue;
        for (const { id, init } of node.declarations) {
          if (init?.type !== "ArrowFunctionExpression" || id.type !== "Identifier" || !names.has(id.name)) continue;
          if (!FROM_OUTSIDE.test(code.slice(init.start, init.end))) arrow(text, code, init);
        }
      }
      return { code: text };
    },
  };
}

/** @param {RolldownMagicString} text @param {any} node */
function declaration(text, { id, start, end, async, generator }) {
  if (async || generator) return;
  text.prependRight(start, `var ${id?.name} = (`);
  text.appendLeft(end, ");\n");
  text.move(start, end, 0);
}

/** @param {RolldownMagicString} text @param {string} code @param {any} node */
function arrow(text, code, { start, end, async, expression, body }) {
  if (async) return;
  const at = code.lastIndexOf("=>", body.start);
  text.prependRight(start, "(function ");
  text.overwrite(at, at + 2, expression ? "{ return (" : "");
  text.appendLeft(end, expression ? "); })" : ")");
}
