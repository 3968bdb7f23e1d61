// From places in the generated code back to BPF slots. Engines name the place of a trap as a byte offset into the module,
// in the text of the error's stack.

/** Offsets into the module, ascending, and the slot each belongs to. */
export interface SourceMap {
  readonly offsets: Uint32Array;
  readonly slots: Uint32Array;
}

/** One function's marks: pairs of offset into its code and slot, and where its code starts in the module. */
export interface FunctionMarks {
  readonly start: number;
  readonly marks: readonly number[];
}

/** The map of a module; functions in the order of their code. */
export function sourceMapOf(functions: readonly FunctionMarks[]): SourceMap {
  const count = functions.reduce((sum, { marks }) => sum + marks.length / 2, 0);
  const offsets = new Uint32Array(count);
  const slots = new Uint32Array(count);
  let at = 0;
  for (const { start, marks } of functions) {
    for (let i = 0; i < marks.length; i += 2) {
      offsets[at] = start + marks[i];
      slots[at++] = marks[i + 1]!;
    }
  }
  return { offsets, slots };
}

/** The slot behind a module offset, or undefined before the first mark. */
export function slotAt({ offsets, slots }: SourceMap, offset: number): number | undefined {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsets[middle] <= offset) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : slots[low - 1];
}

/** Module offset of the innermost WebAssembly frame of a stack, as V8 (`:0x1f`) prints it. */
export function trapOffset(stack: string): number | undefined {
  const match = /wasm(?:-function\[\d+\]|:\/\/[^\s)]*):(0x[0-9a-f]+)/.exec(stack);
  return match ? Number.parseInt(match[1], 16) : undefined;
}
