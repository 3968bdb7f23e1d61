// The schema of traces as docs/trace-format.md has it: its table of events, read, and events held against it.

import { readFileSync } from "node:fs";
import path from "node:path";
import type { EngineName } from "../src/loop/index.ts";
import { ROOT } from "./command-line.ts";

/** An event as it was read: any object that begins like one. */
export interface AnyEvent {
  readonly ev: string;
  readonly t: number;
  readonly ring?: number;
}

interface Field {
  readonly type: string;
  readonly optional: boolean;
}

interface Row {
  readonly engines: readonly string[];
  readonly fields: ReadonlyMap<string, Field>;
}

const DECIMAL = /^(0|-?[1-9]\d*)$/;
const EVERYWHERE: readonly (readonly [string, Field])[] = [
  ["ev", { type: "text", optional: false }],
  ["t", { type: "number", optional: false }],
];

/** The events of the table, by name. */
export const TRACE_SCHEMA: ReadonlyMap<string, Row> = new Map(
  [
    ...readFileSync(path.join(ROOT, "docs/trace-format.md"), "utf8").matchAll(
      /^\| `(?!ev`)(\w+)` +\| ([^|]+?) +\| [^|]+ \| ([^|]*) ?\|$/gm,
    ),
  ].map(([, name, engines, fields]) => [
    name,
    {
      engines: engines.split(", "),
      fields: new Map([
        ...EVERYWHERE,
        ...[...fields.matchAll(/`(\w+)(\?)?: ([\w/-]+)`/g)].map(
          ([, field, mark, type]) => [field, { type, optional: mark !== undefined }] as const,
        ),
      ]),
    },
  ]),
);

function fits(value: unknown, type: string): boolean {
  switch (type) {
    case "number":
      return Number.isSafeInteger(value);
    case "text":
      return typeof value === "string";
    case "decimal":
      return typeof value === "string" && DECIMAL.test(value);
    case "boolean":
      return typeof value === "boolean";
    case "true":
      return value === true;
    default:
      return typeof value === "string" && type.split("/").includes(value);
  }
}

/** What is wrong with an event that `engine` wrote, in words. */
function wrongWith(event: AnyEvent, engine: EngineName): string[] {
  const row = TRACE_SCHEMA.get(event.ev);
  if (row === undefined) return ["there is no such event"];
  const wrong = Object.entries(event).flatMap(([name, value]) => {
    const field = row.fields.get(name);
    if (field === undefined) return [`it has no field ${name}`];
    return fits(value, field.type) ? [] : [`${name} is no ${field.type}`];
  });
  const missing = [...row.fields].flatMap(([name, { optional }]) =>
    optional || name in event ? [] : [`${name} is missing`],
  );
  const foreign = row.engines.includes(engine) ? [] : [`${engine} does not write it`];
  return [...wrong, ...missing, ...foreign];
}

/** Every way in which the events of one trace differ from the document. */
export function violations(events: readonly AnyEvent[], engine: EngineName): string[] {
  const order = new Map<unknown, number>();
  return events.flatMap((event, i) => {
    const before = order.get(event.ring) ?? 0;
    order.set(event.ring, event.t);
    const late = event.t >= before ? [] : [`it comes before the event in front of it`];
    return [...wrongWith(event, engine), ...late].map((what) => `event ${i}: ${what}: ${JSON.stringify(event)}`);
  });
}

interface ChromeEvent {
  readonly name?: unknown;
  readonly ph?: unknown;
  readonly ts?: unknown;
  readonly dur?: unknown;
  readonly pid?: unknown;
  readonly tid?: unknown;
  readonly id?: unknown;
  readonly cat?: unknown;
  readonly s?: unknown;
  readonly args?: unknown;
}

const isTime = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value) && value >= 0;

/** Every way in which a JSON text breaks the rules of the Trace Event Format, as far as they concern what we write. */
export function chromeViolations(text: string): string[] {
  const { traceEvents } = JSON.parse(text) as { traceEvents: readonly ChromeEvent[] };
  const open = new Map<unknown, { readonly name: unknown; readonly ts: number }[]>();
  const requests = new Map<string, number>();
  const wrong: string[] = [];
  traceEvents.forEach((event, i) => {
    const { name, ph, ts, pid, tid, cat, id } = event;
    const say = (what: string): void => void wrong.push(`event ${i}: ${what}: ${JSON.stringify(event)}`);
    if (typeof name !== "string" || typeof cat !== "string") say("name and cat are text");
    if (!isTime(ts)) say("ts is a time");
    if (!Number.isInteger(pid) || !Number.isInteger(tid)) say("pid and tid are whole numbers");
    if (event.args !== undefined && (typeof event.args !== "object" || event.args === null)) say("args is an object");
    const stack = open.get(tid) ?? [];
    open.set(tid, stack);
    switch (ph) {
      case "B":
        stack.push({ name, ts: ts as number });
        break;
      case "E": {
        const begun = stack.pop();
        if (begun === undefined) say("nothing is open");
        else if (begun.name !== name || begun.ts > (ts as number)) say("it ends another slice, or before its begin");
        break;
      }
      case "X":
        if (!isTime(event.dur)) say("X has a duration");
        break;
      case "b":
      case "e": {
        if (typeof id !== "string") say("an asynchronous slice has an id");
        const key = `${String(cat)} ${String(id)}`;
        const count = (requests.get(key) ?? 0) + (ph === "b" ? 1 : -1);
        if (count < 0 || count > 1) say("it begins twice, or ends what did not begin");
        requests.set(key, count);
        break;
      }
      case "i":
        if (event.s !== "t") say("an instant has a scope");
        break;
      case "M":
        if (name !== "thread_name") say("unknown metadata");
        break;
      default:
        say("unknown phase");
    }
  });
  for (const [tid, stack] of open)
    if (stack.length > 0) wrong.push(`thread ${String(tid)}: ${stack.length} slices never end`);
  return wrong;
}
