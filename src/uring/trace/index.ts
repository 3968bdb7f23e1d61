// Traces: what happened, as plain data, in the same form whichever engine writes it down (docs/trace-format.md).

export { ChromeTrace, toChromeTrace } from "./chrome-trace.ts";
export { decimal64 } from "./decimal64.ts";
export { traceLine, type TraceEvent, type TraceSink, type UntimedEvent, type WakeReason } from "./events.ts";
export { traceText } from "./text.ts";
export { sqeFields, type SqeFields } from "./sqe-fields.ts";
