// Watches a run while it happens: how long its requests were in flight, and what its steps changed.
// node examples/trace-nops.ts [COUNT] [PERFETTO.json]

import { writeFileSync } from "node:fs";
import { openEngine, runNops, toChromeTrace, type TraceEvent } from "loopstep";

const [count = "1000", file] = process.argv.slice(2);

const events: TraceEvent[] = [];
const submitted = new Map<number, number>();
const inFlightNs: number[] = [];
let changes = 0;

function trace(event: TraceEvent): void {
  events.push(event);
  if (event.ev === "submit") submitted.set(event.req, event.t);
  // the kernel engine sees no submissions, and of completions only what is left
  if (event.ev === "complete" && submitted.has(event.req)) inFlightNs.push(event.t - submitted.get(event.req)!);
  if (event.ev === "global") changes++;
}

{
  using engine = await openEngine("auto", { trace });
  await runNops(engine, BigInt(count));
  process.stdout.write(`${engine.name}: `);
}
const mean = inFlightNs.reduce((sum, ns) => sum + ns, 0) / Math.max(1, inFlightNs.length);
process.stdout.write(`${inFlightNs.length} requests, in flight for ${(mean / 1000).toFixed(1)} us on average; `);
process.stdout.write(`${changes} changes of globals, ${events.length} events\n`);
if (file !== undefined) writeFileSync(file, toChromeTrace(events));
