// Tracing of an engine on a real kernel: one clock for all its threads, and what is traced on the caller's side. Loaded only
// when a trace is asked for.

import type { Btf } from "../bpf/btf/index.ts";
import type { GlobalSpec } from "../bpf/object/index.ts";
import type { TraceSink, UntimedEvent } from "../uring/trace/index.ts";
import { GlobalWatch } from "./global-watch.ts";
import { nsSince, TracePipe } from "./trace-pipe.ts";
import { type PlaceOf, watchedSections, type WatchedSection } from "./watched-globals.ts";

/** See the head of the file. */
export class EngineTracing {
  readonly #sink: TraceSink;
  readonly #epoch: bigint = process.hrtime.bigint();

  constructor(sink: TraceSink) {
    this.#sink = sink;
  }

  /** Nanoseconds since the engine was opened. */
  get now(): number {
    return nsSince(this.#epoch);
  }

  /** Hands on what happened now, to ring `ring` if to one. Throws what the sink throws. */
  emit(event: UntimedEvent, ring?: number): void {
    this.#sink({ t: this.now, ...(ring === undefined ? {} : { ring }), ...event });
  }

  /** A way for the events of one more thread. */
  openPipe(): TracePipe {
    return new TracePipe(this.#epoch, this.#sink);
  }

  /** The globals of an object that steps can change. */
  watched(
    { globals, btf }: { readonly globals: readonly GlobalSpec[]; readonly btf: Btf },
    placeOf: PlaceOf,
  ): WatchedSection[] {
    return watchedSections(globals, btf, placeOf);
  }

  /** A watch over them, for this thread. */
  watch(
    buffer: ArrayBufferLike,
    object: { readonly globals: readonly GlobalSpec[]; readonly btf: Btf },
    placeOf: PlaceOf,
  ): GlobalWatch {
    return new GlobalWatch(buffer, this.watched(object, placeOf));
  }
}
