// Runs a loop step by step of the way: open, set globals, load, attach, run, look. node examples/count-nops.ts [COUNT]
// Globals have the types the program gave them in C: a __u64 is a bigint, a __u32 a number.

import { BpfObject, DEFAULT_SETUP_FLAGS, findProgram, openEngine } from "loopstep";

/** The globals of nops that this host uses. */
interface NopsGlobals {
  reqs_to_run: bigint;
  reqs_done: bigint;
  steps: bigint;
  result: number;
}

const count = BigInt(process.argv[2] ?? "1000");

const object = await BpfObject.open(findProgram("nops")!.object);
using engine = await openEngine("auto");
using ring = engine.createRing({ entries: 16, cq_entries: 16, flags: DEFAULT_SETUP_FLAGS });
object.bind(ring.params);
object.values.set("reqs_to_run", count);
object.values.set("queue_depth", 16);

using loaded = await engine.load(object);
using link = loaded.attach("nops_ops", ring);
await ring.run({ signal: AbortSignal.timeout(60_000) });

const globals = loaded.bss as unknown as NopsGlobals;
process.stdout.write(`${link.ops}: ${globals.reqs_done} requests in ${globals.steps} steps (${engine.name})\n`);
process.exitCode = globals.result < 0 ? 1 : 0;
