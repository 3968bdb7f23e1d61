// The same as count-nops, with the types of a generated module: a misspelt global does not compile. nops.skel.ts was made
// by `loopstep skeleton nops.bpf.o --embed -o nops.skel.ts`, and holds the object: node examples/typed-nops.ts [COUNT]

import { DEFAULT_SETUP_FLAGS, openEngine } from "loopstep";
import { attachNops, loadNops, openNops } from "./nops.skel.ts";

const object = await openNops();
using engine = await openEngine("auto");
using ring = engine.createRing({ entries: 16, cq_entries: 16, flags: DEFAULT_SETUP_FLAGS });
object.bind(ring.params);
object.bss.reqs_to_run = BigInt(process.argv[2] ?? "1000");
object.rodata.queue_depth = 16;

using loaded = await loadNops(engine, object);
using link = attachNops(loaded, ring);
await ring.run({ signal: AbortSignal.timeout(60_000) });

const { reqs_done, steps, result } = loaded.bss;
process.stdout.write(`${link.ops}: ${reqs_done} requests in ${steps} steps (${engine.name})\n`);
process.exitCode = result < 0 ? 1 : 0;
