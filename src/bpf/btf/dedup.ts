// Deduplication of types: many compilation units' BTF made one. The steps are those of libbpf's btf__dedup: primitive types
// by content; structs and unions by proving whole graphs equal, under the assumption that the pair in question is; forward
// declarations resolved, by such a proof or by a name that only one type has; everything that refers by content again.

import type { Btf } from "./btf.ts";
import { BtfBuilder } from "./builder.ts";
import { BtfError } from "./errors.ts";
import { referredIds, remapType } from "./remap.ts";
import type { BtfKind, BtfType } from "./types.ts";

/** What deduplication yields. */
export interface Deduplicated {
  /** The remaining types. */
  readonly builder: BtfBuilder;
  /** Old id to new id; void and the ids of the base map to themselves. */
  readonly map: Uint32Array;
}

const NONE = 0xffffffff;
const isComposite = (kind: BtfKind): boolean => kind === "STRUCT" || kind === "UNION";
const PRIMITIVE: ReadonlySet<BtfKind> = new Set(["INT", "FLOAT", "ENUM", "ENUM64", "FWD"]);

/** A text that is the same for types of the same contents, with ids through `to`. */
function contentKey(type: BtfType, to: (id: number) => number): string {
  return JSON.stringify(remapType(type, to), (_key, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
}

/** Like contentKey, but blind to ids: what two structs must share before their graphs are compared. */
const shapeKey = (type: BtfType): string => contentKey(type, () => 0);

class Dedup {
  readonly #types: (BtfType | undefined)[];
  /** Ids below belong to the base and stay. */
  readonly #fixed: number;
  /** Union-find without ranks: each id leads to a better one, canonical ones to themselves. */
  readonly #map: Uint32Array;
  readonly #shapes: string[] = [];

  constructor(types: readonly BtfType[], base: Btf | undefined) {
    this.#fixed = base?.nrTypes ?? 1;
    this.#types = [{ kind: "VOID", name: "" }];
    for (let id = 1; id < this.#fixed; id++) this.#types.push(base!.type(id));
    for (const type of types) this.#types.push(type);
    this.#map = Uint32Array.from(this.#types, (_, id) => id);
    for (const [id, type] of this.#types.entries()) {
      for (const to of referredIds(type!)) {
        if (to >= this.#types.length) {
          throw new BtfError("BTF_ID", {
            message: "a type refers to one that is not there",
            found: `id ${to}`,
            where: `BTF type ${id}`,
          });
        }
      }
    }
  }

  #resolve(id: number): number {
    while (this.#map[id] !== id) id = this.#map[id]!;
    return id;
  }

  #shape(id: number): string {
    return (this.#shapes[id] ??= shapeKey(this.#types[id]!));
  }

  #point(from: number, to: number): void {
    if (from >= this.#fixed && from !== to) this.#map[from] = to;
  }

  primitives(): void {
    const seen = new Map<string, number>();
    const enums = new Map<string, number>();
    for (const [id, type] of this.#types.entries()) {
      if (!PRIMITIVE.has(type!.kind)) continue;
      const key = this.#shape(id);
      const known = seen.get(key);
      if (known !== undefined) this.#point(id, known);
      else seen.set(key, id);
      if ((type!.kind === "ENUM" || type!.kind === "ENUM64") && type.values.length > 0 && type.name !== "") {
        if (!enums.has(type.name)) enums.set(type.name, id);
      }
    }
    // an enum without enumerators is a forward declaration
    for (const [id, type] of this.#types.entries()) {
      if ((type!.kind !== "ENUM" && type!.kind !== "ENUM64") || type.values.length > 0) continue;
      const full = enums.get(type.name);
      if (full !== undefined) this.#point(this.#resolve(id), full);
    }
  }

  composites(): void {
    const byShape = new Map<string, number[]>();
    for (const [id, type] of this.#types.entries()) {
      if (!isComposite(type!.kind)) continue;
      if (this.#map[id] !== id) continue;
      const shape = this.#shape(id);
      let known = byShape.get(shape);
      if (known === undefined) byShape.set(shape, (known = []));
      const match = id < this.#fixed ? undefined : known.find((canonical) => this.#tryMerge(id, canonical));
      if (match === undefined) known.push(id);
      else this.#point(this.#resolve(id), this.#resolve(match));
    }
  }

  /** Proves that `candidate` is `canonical`; on success forward declarations met on the way are resolved. */
  #tryMerge(candidate: number, canonical: number): boolean {
    const assumed = new Map<number, number>();
    const pairs: [number, number][] = [[candidate, canonical]];
    while (pairs.length > 0) {
      const [mine, theirs] = pairs.pop()!;
      if (!this.#assume(mine, theirs, assumed, pairs)) return false;
    }
    for (const [theirs, mine] of assumed) this.#learn(this.#resolve(mine), this.#resolve(theirs));
    return true;
  }

  /** One pair: false when they differ; what they refer to is added to `pairs`. */
  #assume(mine: number, theirs: number, assumed: Map<number, number>, pairs: [number, number][]): boolean {
    [mine, theirs] = [this.#resolve(mine), this.#resolve(theirs)];
    if (mine === theirs) return true;
    const known = assumed.get(theirs);
    // compilers emit several identical arrays and structs without a name within one unit
    if (known !== undefined && known !== mine)
      return this.#shape(known) === this.#shape(mine) && this.#sameWithin(known, mine);
    if (known === mine) return true;
    const [a, b] = [this.#types[mine]!, this.#types[theirs]!];
    if (a.name !== b.name) return false;
    assumed.set(theirs, mine);
    if (a.kind === "FWD" || b.kind === "FWD") return this.#forwardFits(a, b);
    if (a.kind !== b.kind || this.#shape(mine) !== this.#shape(theirs)) return false;
    const [to, from] = [referredIds(a), referredIds(b)];
    for (let i = 0; i < to.length; i++) pairs.push([to[i], from[i]]);
    return true;
  }

  #forwardFits(a: BtfType, b: BtfType): boolean {
    const side = (type: BtfType): string => (type.kind === "FWD" ? (type.union ? "UNION" : "STRUCT") : type.kind);
    return side(a) === side(b);
  }

  /** Two types of one unit with the very same references. */
  #sameWithin(a: number, b: number): boolean {
    const [x, y] = [referredIds(this.#types[a]!), referredIds(this.#types[b]!)];
    return x.every((id, i) => this.#resolve(id) === this.#resolve(y[i]));
  }

  #learn(mine: number, theirs: number): void {
    if (mine === theirs) return;
    const [a, b] = [this.#types[mine]!.kind, this.#types[theirs]!.kind];
    if (a === "FWD" && b !== "FWD") this.#point(mine, theirs);
    else if (a !== "FWD" && b === "FWD") this.#point(theirs, mine);
    else if (isComposite(a) && isComposite(b)) this.#point(mine, theirs);
  }

  /** A forward declaration stands for the one struct or union of its name. */
  forwards(): void {
    const byName = new Map<string, number>();
    for (const [id, type] of this.#types.entries()) {
      if (!isComposite(type!.kind) || type!.name === "" || this.#map[id] !== id) continue;
      const key = `${type!.kind} ${type!.name}`;
      byName.set(key, byName.has(key) ? NONE : id);
    }
    for (const [id, type] of this.#types.entries()) {
      if (type!.kind !== "FWD" || this.#map[id] !== id) continue;
      const only = byName.get(`${type.union ? "UNION" : "STRUCT"} ${type.name}`);
      if (only !== undefined && only !== NONE) this.#point(id, only);
    }
  }

  references(): void {
    const seen = new Map<string, number>();
    // 1: in progress, 2: done
    const state = new Uint8Array(this.#types.length);
    for (let id = 1; id < this.#types.length; id++) this.#reference(id, seen, state);
  }

  /** Settles `id` after everything it refers to, without recursion. */
  #reference(start: number, seen: Map<string, number>, state: Uint8Array): void {
    const stack = [start];
    while (stack.length > 0) {
      const id = stack.at(-1)!;
      const type = this.#types[id]!;
      const settled =
        state[id] === 2 ||
        this.#map[id] !== id ||
        isComposite(type.kind) ||
        PRIMITIVE.has(type.kind) ||
        type.kind === "VOID";
      if (settled) {
        state[id] = 2;
        stack.pop();
        continue;
      }
      const open = referredIds(type)
        .map((to) => this.#resolve(to))
        .filter(
          (to) =>
            state[to] !== 2 && !isComposite(this.#types[to]!.kind) && !PRIMITIVE.has(this.#types[to]!.kind) && to !== 0,
        );
      if (open.length > 0) {
        if (state[id] === 1 && open.some((to) => state[to] === 1)) {
          throw new BtfError("BTF_LOOP", { message: "a chain of types has no end", where: `BTF type ${id}` });
        }
        state[id] = 1;
        for (const to of open) {
          if (state[to] === 1)
            throw new BtfError("BTF_LOOP", { message: "a chain of types has no end", where: `BTF type ${to}` });
          stack.push(to);
        }
        continue;
      }
      state[id] = 2;
      stack.pop();
      if (type.kind === "VAR" || type.kind === "DATASEC") continue;
      const key = contentKey(type, (to) => this.#resolve(to));
      const known = seen.get(key);
      if (known === undefined) seen.set(key, id);
      else this.#point(id, known);
    }
  }

  /** Drops what is represented by another, and renumbers. */
  compact(base: Btf | undefined): Deduplicated {
    const builder = new BtfBuilder(base);
    const map = new Uint32Array(this.#types.length);
    let next = this.#fixed;
    for (let id = 0; id < this.#types.length; id++) {
      if (id < this.#fixed) map[id] = id;
      else if (this.#map[id] === id) map[id] = next++;
    }
    for (let id = this.#fixed; id < this.#types.length; id++) map[id] = map[this.#resolve(id)]!;
    for (let id = this.#fixed; id < this.#types.length; id++) {
      if (this.#map[id] === id) builder.add(remapType(this.#types[id]!, (to) => map[to]));
    }
    return { builder, map };
  }
}

/** Deduplicates `types`, whose ids begin at 1 or behind those of `base`. Throws BTF_ID, BTF_LOOP. */
export function dedup(types: readonly BtfType[], base?: Btf): Deduplicated {
  const run = new Dedup(types, base);
  run.primitives();
  run.composites();
  run.forwards();
  run.references();
  return run.compact(base);
}

/** Several BTFs one after the other, ids shifted: what dedup makes one of. `offsets[i]` was added to the ids of input i. */
export function concatTypes(inputs: readonly Btf[]): { types: BtfType[]; offsets: number[] } {
  const types: BtfType[] = [];
  const offsets: number[] = [];
  for (const btf of inputs) {
    const offset = types.length;
    offsets.push(offset);
    for (let id = 1; id < btf.nrTypes; id++) types.push(remapType(btf.type(id), (to) => (to === 0 ? 0 : to + offset)));
  }
  return { types, offsets };
}
