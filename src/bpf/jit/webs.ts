// Webs: values that share a register at some place and so must be held alike. Union-find, with the two properties that let a
// web be an i32 and the edges along which they are lost.

/** The values of a unit; each is its own web until it meets another. */
export class Webs {
  readonly #parent: number[] = [];
  readonly #small: boolean[] = [];
  readonly #low: boolean[] = [];
  readonly #smallEdges: number[] = [];
  readonly #lowEdges: number[] = [];

  add(): number {
    this.#small.push(true);
    this.#low.push(true);
    return this.#parent.push(this.#parent.length) - 1;
  }

  find(web: number): number {
    let root = web;
    while (this.#parent[root] !== root) root = this.#parent[root]!;
    for (let at = web; at !== root;) {
      const up = this.#parent[at];
      this.#parent[at] = root;
      at = up;
    }
    return root;
  }

  union(a: number, b: number): void {
    const x = this.find(a);
    const y = this.find(b);
    if (x !== y) this.#parent[x] = y;
  }

  notSmall(web: number): void {
    this.#small[web] = false;
  }

  notLow(web: number): void {
    this.#low[web] = false;
  }

  /** `to` is small only if `from` is. */
  smallIf(from: number, to: number): void {
    this.#smallEdges.push(from, to);
  }

  /** `to` is low only if `from` is held in 32 bits. */
  lowIf(from: number, to: number): void {
    this.#lowEdges.push(from, to);
  }

  /** True when the web is an i32; to be asked after `solve`. */
  isI32(web: number): boolean {
    const root = this.find(web);
    return this.#small[root] || this.#low[root];
  }

  solve(): void {
    const { length } = this.#parent;
    for (let web = 0; web < length; web++) {
      const root = this.find(web);
      if (!this.#small[web]) this.#small[root] = false;
      if (!this.#low[web]) this.#low[root] = false;
    }
    spread(this, this.#smallEdges, this.#small, () => false);
    spread(this, this.#lowEdges, this.#low, (web) => this.#small[web]);
  }
}

// Takes the property from every web an edge leads to from a web without it, unless `excused`.
function spread(webs: Webs, edges: readonly number[], property: boolean[], excused: (web: number) => boolean): void {
  const start = new Int32Array(property.length + 1);
  const roots = edges.map((web) => webs.find(web));
  for (let i = 0; i < roots.length; i += 2) start[roots[i] + 1]++;
  for (let web = 0; web < property.length; web++) start[web + 1] += start[web];
  const fill = start.slice();
  const targets = new Int32Array(roots.length / 2);
  for (let i = 0; i < roots.length; i += 2) targets[fill[roots[i]]++] = roots[i + 1]!;
  const work: number[] = [];
  for (let web = 0; web < property.length; web++)
    if (webs.find(web) === web && !property[web] && !excused(web)) work.push(web);
  while (work.length > 0) {
    const web = work.pop()!;
    for (let i = start[web]; i < start[web + 1]; i++) {
      const target = targets[i];
      if (!property[target]) continue;
      property[target] = false;
      if (!excused(target)) work.push(target);
    }
  }
}
