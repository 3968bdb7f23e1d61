// Where a C compiler for a 64-bit little-endian target puts the members of a struct: alignments, whether a struct must be
// packed to look as BTF says, and the padding that C would not add by itself.

import type { Btf } from "./btf.ts";
import type { BtfComposite, BtfMember } from "./types.ts";

const DEEPEST = 64;

/** Natural alignments of the types of one BTF, in bytes. */
export class Alignments {
  readonly #btf: Btf;
  readonly #known = new Map<number, number>();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** Alignment of type `id`. */
  of(id: number, depth = 0): number {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const align = depth > DEEPEST ? 1 : this.#compute(id, depth);
    this.#known.set(id, align);
    return align;
  }

  #compute(id: number, depth: number): number {
    const type = this.#btf.resolved(id);
    switch (type.kind) {
      case "INT":
      case "FLOAT":
      case "ENUM":
      case "ENUM64":
        return Math.max(1, Math.min(16, 2 ** Math.floor(Math.log2(Math.max(1, type.size)))));
      case "PTR":
        return 8;
      case "ARRAY":
        return this.of(type.type, depth + 1);
      case "STRUCT":
      case "UNION":
        return this.packed(type, depth) ? 1 : this.#widest(type, depth);
      default:
        return 1;
    }
  }

  #widest(type: BtfComposite, depth: number): number {
    return type.members.reduce((widest, member) => Math.max(widest, this.of(member.type, depth + 1)), 1);
  }

  /** True when the members of `type` can only lie where they do in a packed struct. */
  packed(type: BtfComposite, depth = 0): boolean {
    const widest = this.#widest(type, depth);
    if (type.size % widest !== 0) return true;
    return type.members.some((member) => {
      if (member.bitfield_size === 0) return member.bit_offset % (this.of(member.type, depth + 1) * 8) !== 0;
      const unit = this.#btf.sizeOf(member.type) * 8;
      return Math.floor(member.bit_offset / unit) !== Math.floor((member.bit_offset + member.bitfield_size - 1) / unit);
    });
  }
}

const UNITS = [
  ["long", 64],
  ["int", 32],
  ["short", 16],
  ["char", 8],
] as const;

/** Gaps beyond this many bytes get an array with a name, to keep the text short. */
const LARGEST_GAP = 4096;

/** Nameless bitfields that fill the bits [from, to). */
export function padding(from: number, to: number): string[] {
  const lines: string[] = [];
  while (from < to) {
    const whole = Math.floor((to - from) / 8);
    if (from % 8 === 0 && whole > LARGEST_GAP) {
      lines.push(`unsigned char __padding_${from / 8}[${whole}];`);
      from += whole * 8;
      continue;
    }
    const inByte = from % 8;
    const unit = UNITS.find(([, bits]) => from % bits === 0 && from + bits <= to);
    const [name, bits] = inByte === 0 && unit ? unit : ["char", Math.min(8 - inByte, to - from)];
    lines.push(`${name}: ${bits};`);
    from += bits;
  }
  return lines;
}

/** What to print before a member, or at the end of a struct. */
export class StructCursor {
  readonly #btf: Btf;
  readonly #alignments: Alignments;
  readonly #packed: boolean;
  /** The first free bit. */
  #at = 0;

  constructor(btf: Btf, alignments: Alignments, packed: boolean) {
    this.#btf = btf;
    this.#alignments = alignments;
    this.#packed = packed;
  }

  /** Where C would put `member` next. */
  #natural(member: BtfMember): number {
    if (this.#packed) return member.bitfield_size > 0 ? this.#at : Math.ceil(this.#at / 8) * 8;
    if (member.bitfield_size === 0) {
      const align = this.#alignments.of(member.type) * 8;
      return Math.ceil(this.#at / align) * align;
    }
    const unit = this.#btf.sizeOf(member.type) * 8;
    const fits = Math.floor(this.#at / unit) === Math.floor((this.#at + member.bitfield_size - 1) / unit);
    return fits ? this.#at : Math.ceil(this.#at / unit) * unit;
  }

  /** Padding before `member`, which is placed. */
  place(member: BtfMember, size: number): string[] {
    const lines = this.#natural(member) < member.bit_offset ? padding(this.#at, member.bit_offset) : [];
    this.#at = member.bit_offset + (member.bitfield_size || size * 8);
    return lines;
  }

  /** Padding up to the end of a struct of `size` bytes. */
  end(size: number, align: number): string[] {
    const natural = Math.ceil(this.#at / (align * 8)) * align;
    return natural < size ? padding(this.#at, size * 8) : [];
  }
}
