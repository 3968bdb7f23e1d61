// Which globals a step has changed: the data sections are compared with a copy of what they held before. Knows their form as
// plain data only, and runs in any thread that has the memory.

import type { Form, WatchedSection } from "./watched-globals.ts";

/** Hears of one change: a variable, or an element or member of one, and its values as text. */
export type OnChange = (name: string, before: string, after: string) => void;

interface Watched {
  readonly section: WatchedSection;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** What it held when it was last looked at. */
  readonly known: Uint8Array;
  readonly knownWords: Int32Array;
}

/** See the head of the file. Sections begin at multiples of 4. */
export class GlobalWatch {
  readonly #watched: readonly Watched[];

  constructor(buffer: ArrayBufferLike, sections: readonly WatchedSection[]) {
    this.#watched = sections.map((section) => {
      const { address, size } = section;
      // the last word may reach beyond the section, where nothing moves or padding does: no variable lies there
      const count = (size + 3) >>> 2;
      const known = new Uint8Array(count * 4);
      return {
        section,
        bytes: new Uint8Array(buffer, address, count * 4),
        words: new Int32Array(buffer, address, count),
        known,
        knownWords: new Int32Array(known.buffer),
      };
    });
    this.look();
  }

  /** Takes all as it is now for known. */
  look(): void {
    for (const { bytes, known } of this.#watched) known.set(bytes);
  }

  /** Tells what has changed since it was last looked at. */
  tell(onChange: OnChange): void {
    for (const watched of this.#watched) {
      const { words, knownWords } = watched;
      let first = 0;
      while (first < words.length && words[first] === knownWords[first]) first++;
      if (first === words.length) continue;
      let last = words.length - 1;
      while (words[last] === knownWords[last]) last--;
      tellRange(watched, first * 4, (last + 1) * 4, onChange);
    }
  }
}

function tellRange({ section, bytes, known }: Watched, start: number, end: number, onChange: OnChange): void {
  // a copy: another thread may write in between
  const now = new Uint8Array(known.length);
  now.set(known);
  now.set(bytes.subarray(start, end), start);
  const walk: Walk = { before: viewOf(known), after: viewOf(now), onChange };
  for (const { name, offset, form } of section.variables) {
    if (offset < end && offset + form.size > start) visit(walk, form, offset, name);
  }
  known.set(now.subarray(start, end), start);
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Walk {
  readonly before: DataView;
  readonly after: DataView;
  readonly onChange: OnChange;
}

/** Offset of the first byte from `at` on that differs, or `end`. */
function firstChange({ before, after }: Walk, at: number, end: number): number {
  while (at < end && before.getUint8(at) === after.getUint8(at)) at++;
  return at;
}

function visit(walk: Walk, form: Form, at: number, name: string): void {
  const { before, after, onChange } = walk;
  const first = firstChange(walk, at, at + form.size);
  if (first === at + form.size) return;
  switch (form.is) {
    case "struct":
      for (const member of form.members)
        visit(walk, member.form, at + member.offset, member.name === "" ? name : `${name}.${member.name}`);
      return;
    case "array": {
      const { size } = form.of;
      for (let i = Math.floor((first - at) / size); i < form.count; i++)
        visit(walk, form.of, at + i * size, `${name}[${i}]`);
      return;
    }
    case "bytes": {
      if (!form.indexed) return onChange(name, hex(before, at, at + form.size), hex(after, at, at + form.size));
      let end = at + form.size;
      while (before.getUint8(end - 1) === after.getUint8(end - 1)) end--;
      const range = end - first === 1 ? `${first - at}` : `${first - at}..${end - 1 - at}`;
      return onChange(`${name}[${range}]`, hex(before, first, end), hex(after, first, end));
    }
    default: {
      const [was, is] = [textOf(form, before, at), textOf(form, after, at)];
      // the bits beside a bitfield are another's
      if (was !== is) onChange(name, was, is);
    }
  }
}

function hex(view: DataView, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i++) text += view.getUint8(i).toString(16).padStart(2, "0");
  return text;
}

type Scalar = Extract<Form, { is: "integer" | "float" | "bits" }>;

function textOf(form: Scalar, view: DataView, at: number): string {
  if (form.is === "float") return String(form.size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true));
  if (form.is === "integer" && form.size === 4)
    return String(form.signed ? view.getInt32(at, true) : view.getUint32(at, true));
  let value = 0n;
  for (let i = form.size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + i));
  const [shift, width] = form.is === "bits" ? [form.shift, form.width] : [0, form.size * 8];
  value >>= BigInt(shift);
  return String(form.signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value));
}
