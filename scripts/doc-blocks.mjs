// Takes every ```ts block out of README.md, docs/ and the READMEs in src/ into .cache/doc-blocks, with a tsconfig that
// type-checks them against the sources as the package `loopstep`.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const out = path.join(root, ".cache/doc-blocks");

function markdownFiles() {
  const found = ["docs", "src"].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
  );
  return ["README.md", ...found.filter((name) => name.endsWith(".md"))];
}

/** Writes the blocks; returns how many there are and the project file to give to tsc. */
export function writeDocBlocks() {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  let count = 0;
  for (const file of markdownFiles()) {
    const text = readFileSync(path.join(root, file), "utf8");
    for (const [, block] of text.matchAll(/^```ts\n(.*?)^```/gms)) {
      // a block stands for itself: what it imports is all it knows
      writeFileSync(path.join(out, `${file.replaceAll(/[/.]/g, "-")}-${count++}.ts`), `${block}\nexport {};\n`);
    }
  }
  const project = path.join(out, "tsconfig.json");
  const options = {
    noUnusedLocals: false,
    types: ["node"],
    typeRoots: ["../../node_modules/@types"],
    paths: { loopstep: ["../../src/index.ts"], "loopstep/*": ["../../src/*"] },
  };
  writeFileSync(
    project,
    JSON.stringify({
      extends: "../../tsconfig.json",
      compilerOptions: options,
      include: ["*.ts", "../../src/index.ts"],
    }),
  );
  return { count, project };
}
