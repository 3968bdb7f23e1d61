// `npm run diff -- loops FOLDER [NAME...]`: the loops in C of FOLDER/src, compiled to FOLDER/obj, through the verifier and the
// engines here, and compared with what FOLDER/verdicts.jsonl says the kernel did; every difference is printed.
// `--record` asks the running kernel instead (as root, inside `npm run vm`) and prints one line per object in that form.

import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { compareLoops } from "./compare.ts";
import { endRecording, recordLoop } from "./record.ts";

const words = process.argv.slice(2);
const recording = words.includes("--record");
const [folder = "", ...names] = words.filter((word) => !word.startsWith("--"));
if (!existsSync(path.join(folder, "obj"))) {
  console.error("usage: npm run diff -- loops FOLDER [--record] [NAME...]");
  process.exitCode = 2;
} else if (recording) {
  const objects = readdirSync(path.join(folder, "obj")).filter((file) => file.endsWith(".bpf.o"));
  const wanted = objects.filter((file) => names.length === 0 || names.some((name) => file.startsWith(name)));
  for (const file of wanted.sort()) console.log(JSON.stringify(await recordLoop(folder, file)));
  endRecording();
} else {
  process.exitCode = await compareLoops(folder, names);
}
