// A trace for people: a line an event, times in microseconds since the first, and what is the same many times in a row said
// once. Programs read the events themselves.

import { errnoName } from "../../base/index.ts";
import { IORING_CQE_F, IOSQE } from "../abi/index.ts";
import type { TraceEvent } from "./events.ts";

type Of<Name extends TraceEvent["ev"]> = Extract<TraceEvent, { readonly ev: Name }>;

const NS_PER_US = 1000;
const TIME_WIDTH = 10;
const WORD_WIDTH = 9;

/** "-125 ECANCELED", "4096". */
const result = (res: number): string => (res < 0 ? `${res} ${errnoName(res)}` : String(res));

/** The names of the bits that are set, as PREFIX_NAME in `table`. */
function bitNames(table: Readonly<Record<string, number>>, prefix: string, bits: number): string {
  const names = Object.entries(table).filter(([name, bit]) => name.startsWith(prefix) && (bits & bit) !== 0);
  return names.map(([name]) => name.slice(prefix.length)).join("|");
}

const { IORING_CQE_F_BUFFER, IORING_CQE_F_MORE, IORING_CQE_F_SOCK_NONEMPTY, IORING_CQE_F_NOTIF } = IORING_CQE_F;
const CQE_BITS = { IORING_CQE_F_BUFFER, IORING_CQE_F_MORE, IORING_CQE_F_SOCK_NONEMPTY, IORING_CQE_F_NOTIF };

function submitted({ op, user_data, flags, fd, off, len, ...rest }: Of<"submit">): string {
  const words = [op.replace("IORING_OP_", "")];
  const put = (name: string, value: number | string | undefined): void => {
    if (value !== undefined && Number(value) !== 0) words.push(`${name} ${value}`);
  };
  put("fd", fd);
  put("off", off);
  put("len", len);
  for (const name of ["ioprio", "op_flags", "buf_index", "personality", "file_index", "addr3"] as const)
    put(name, rest[name]);
  if (flags !== 0) words.push(bitNames(IOSQE, "IOSQE_", flags));
  put("user_data", user_data);
  return words.join(", ");
}

function completed({ user_data, res, flags, overflow }: Of<"complete">): string {
  const words = [`res ${result(res)}`];
  if (flags !== 0) words.push(`flags 0x${flags.toString(16)} ${bitNames(CQE_BITS, "IORING_CQE_F_", flags)}`.trimEnd());
  if (user_data !== "0") words.push(`user_data ${user_data}`);
  if (overflow === true) words.push("CQ full: to the overflow list");
  return words.join(", ");
}

function struck({ kind, req, value }: Of<"fault">): string {
  const whom = req === 0 ? "the process" : `#${req}`;
  switch (kind) {
    case "error":
      return `#${req} fails with ${errnoName(value)}`;
    case "short":
      return `#${req} moves at most ${value} bytes`;
    case "latency":
      return `#${req} is ${value / NS_PER_US} us late`;
    default:
      return `${kind}, for ${whom}`;
  }
}

function stepped({ n, res, cq_head, cq_tail, wait_idx }: Of<"step">): string {
  const found = `${n}: found CQ head ${cq_head}, tail ${cq_tail}`;
  if (res === 1) return `${found}; stops`;
  if (res !== 0) return `${found}; returns ${result(res)}`;
  return ((wait_idx - cq_tail) | 0) > 0 ? `${found}; waits for tail ${wait_idx}` : `${found}; goes on`;
}

/** First word and the rest of an event's line; of `submit` and `complete` without the request's number. */
function wordsOf(event: TraceEvent): readonly [word: string, rest: string] {
  switch (event.ev) {
    case "submit":
      return ["submit", submitted(event)];
    case "complete":
      return ["complete", completed(event)];
    case "step":
      return ["step", stepped(event)];
    case "global":
      return ["", `${event.name}: ${event.before} -> ${event.after}`];
    case "wait":
      return ["sleep", `for ${event.nr} more`];
    case "wake":
      return ["wake", event.why];
    case "fault":
      return ["FAULT", struck(event)];
    case "leave":
      return ["leave", result(event.res)];
    default: {
      const { t: _t, ev, ring: _ring, ...rest } = event;
      const fields = Object.entries(rest).map(([name, value]) => `${name} ${String(value)}`);
      return [ev, fields.join(", ")];
    }
  }
}

/** Consecutive events that differ in their request only. */
interface Group {
  readonly t: number;
  readonly word: string;
  readonly rest: string;
  readonly first: number;
  last: number;
}

function grouped(events: Iterable<TraceEvent>): Group[] {
  const groups: Group[] = [];
  for (const event of events) {
    const [word, rest] = wordsOf(event);
    const req = event.ev === "submit" || event.ev === "complete" ? event.req : 0;
    const before = groups.at(-1);
    const goesOn = before !== undefined && req > 0 && before.last + 1 === req && before.t === event.t;
    if (goesOn && before.word === word && before.rest === rest) before.last = req;
    else groups.push({ t: event.t, word, rest, first: req, last: req });
  }
  return groups;
}

/** The lines. */
export function traceText(events: Iterable<TraceEvent>): string[] {
  const groups = grouped(events);
  const start = groups[0]?.t ?? 0;
  return groups.map(({ t, word, rest, first, last }) => {
    const which = first === 0 ? "" : last === first ? `#${first} ` : `#${first}..#${last} `;
    const time = ((t - start) / NS_PER_US).toFixed(1).padStart(TIME_WIDTH);
    return `${time}  ${word.padEnd(WORD_WIDTH)} ${which}${rest}`.trimEnd();
  });
}
