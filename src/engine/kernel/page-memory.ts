// Pages shared by threads and with the kernel: rings, parameter regions, data sections and I/O buffers lie in one shared
// WebAssembly.Memory, whose address never changes. Pages given back are used again, so that programs that load and close
// for days stay as small as they are.

import { alignUp } from "../../base/index.ts";
import { UnsupportedError } from "../../loop/index.ts";

const WASM_PAGE = 0x10000;
const PAGE = 4096;
const INITIAL = 1 << 20;
const MAXIMUM = 1 << 30;

interface Run {
  start: number;
  end: number;
}

/** Hands out whole pages. */
export class PageMemory {
  readonly memory: WebAssembly.Memory = new WebAssembly.Memory({
    initial: INITIAL / WASM_PAGE,
    maximum: MAXIMUM / WASM_PAGE,
    shared: true,
  });
  /** Free runs, ascending, never adjacent. Page 0 is kept, so that 0 is no address. */
  readonly #free: Run[] = [{ start: PAGE, end: INITIAL }];

  /** All bytes; take it anew after an allocation, which may have grown the memory. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  /** Zeroed whole pages for `size` bytes, which may be 0. Throws UnsupportedError when the memory is at its largest. */
  allocate(size: number): number {
    const wanted = Math.max(alignUp(size, PAGE), PAGE);
    let run = this.#free.find(({ start, end }) => end - start >= wanted);
    if (run === undefined) {
      this.#grow(wanted);
      run = this.#free.at(-1)!;
    }
    const { start } = run;
    run.start += wanted;
    if (run.start === run.end) this.#free.splice(this.#free.indexOf(run), 1);
    this.bytes.fill(0, start, start + wanted);
    return start;
  }

  /** Gives back what allocate(size) returned. */
  release(start: number, size: number): void {
    const run: Run = { start, end: start + Math.max(alignUp(size, PAGE), PAGE) };
    const at = this.#free.findIndex((other) => other.start > start);
    const index = at < 0 ? this.#free.length : at;
    this.#free.splice(index, 0, run);
    this.#join(index);
    this.#join(index - 1);
  }

  /** Joins run `index` with the next when they touch. */
  #join(index: number): void {
    const [run, next] = [this.#free[index], this.#free[index + 1]];
    if (!run || !next || run.end !== next.start) return;
    run.end = next.end;
    this.#free.splice(index + 1, 1);
  }

  #grow(wanted: number): void {
    const before = this.memory.buffer.byteLength;
    const pages = Math.ceil(wanted / WASM_PAGE);
    try {
      this.memory.grow(Math.min(Math.max(pages, before / WASM_PAGE), Math.max(pages, (MAXIMUM - before) / WASM_PAGE)));
    } catch (cause) {
      throw new UnsupportedError("FEATURE_UNSUPPORTED", {
        message: "the engine's memory is full",
        found: `${wanted} bytes wanted, ${before} in use`,
        expected: `at most ${MAXIMUM} in all`,
        remedy: "Close what is no longer needed, or use several processes.",
        cause,
      });
    }
    this.release(before, this.memory.buffer.byteLength - before);
  }
}
