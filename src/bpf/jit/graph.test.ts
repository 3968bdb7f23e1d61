import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dominators } from "./dominators.ts";
import { depthFirst, graphOf, predecessors } from "./graph.ts";
import { isReducible, loopsOf } from "./loops.ts";
import { makeReducible } from "./reducible.ts";
import { structureOf } from "./structure.ts";
import { addNode, emptyUnit, NODE_CODE, NODE_SWITCH, type Unit } from "./unit.ts";

// Random graphs of up to 14 nodes with at most two successors each, as code has them.
const successors = fc.constantFrom(1, 2, 3, 4, 5, 6, 8, 10, 12, 14).chain((count) =>
  fc.array(fc.array(fc.noBias(fc.integer({ min: 0, max: count - 1 })), { minLength: 1, maxLength: 2, size: "max" }), {
    minLength: count,
    maxLength: count,
    size: "max",
  }),
);

// The reachable part of a graph, numbered anew.
function unitOf(lists: readonly (readonly number[])[]): Unit {
  const order = [...depthFirst(graphOf(lists)).nodes].sort((a, b) => a - b);
  const unit = emptyUnit();
  for (const node of order)
    addNode(
      unit,
      NODE_CODE,
      node,
      node + 1,
      lists[node].map((to) => order.indexOf(to)),
    );
  return unit;
}

function reachable(lists: readonly (readonly number[])[], without: number): Set<number> {
  const seen = new Set<number>();
  const work = without === 0 ? [] : [0];
  while (work.length > 0) {
    const node = work.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    work.push(...lists[node].filter((to) => to !== without));
  }
  return seen;
}

const analyse = (lists: readonly (readonly number[])[]) => {
  const graph = graphOf(lists);
  const order = depthFirst(graph);
  const preds = predecessors(graph);
  return { graph, order, preds, tree: dominators(graph, order, preds) };
};

describe("dominators", () => {
  it("are the nodes without which one cannot be reached", () => {
    fc.assert(
      fc.property(successors, (lists) => {
        const { order, tree } = analyse(lists);
        const all = reachable(lists, -1);
        expect(new Set(order.nodes)).toEqual(all);
        for (const a of all) {
          const rest = reachable(lists, a);
          for (const b of all) expect(tree.dominates(a, b)).toBe(a === b || !rest.has(b));
        }
        for (const node of all) if (node !== 0) expect(tree.dominates(tree.idom[node], node)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a dispatcher", () => {
  // All sequences of original nodes a walk of at most `length` steps can take, dispatchers passed through by their case.
  const walks = (unit: Unit, original: number, length: number): Set<string> => {
    const found = new Set<string>();
    const work: [node: number, state: number, path: string, left: number][] = [[0, -1, "0", length]];
    while (work.length > 0) {
      const [node, state, path, left] = work.pop()!;
      found.add(path);
      if (left === 0) continue;
      const list = unit.succ[node];
      for (const [edge, to] of list.entries()) {
        if (unit.kind[node] === NODE_SWITCH && edge !== state) continue;
        const value = unit.cases[node][edge];
        const next = value >= 0 ? value : state;
        const isOriginal = to < original;
        work.push([to, next, isOriginal ? `${path} ${to}` : path, isOriginal ? left - 1 : left]);
      }
    }
    return found;
  };

  it("makes every graph reducible and takes no path away or in", () => {
    let dispatched = 0;
    fc.assert(
      fc.property(successors, (lists) => {
        const unit = unitOf(lists);
        const original = unit.kind.length;
        const before = walks(unit, original, 6);
        const { graph, order, tree } = analyse(unit.succ);
        const was = isReducible(graph, order, tree);
        makeReducible(unit);
        const after = analyse(unit.succ);
        expect(isReducible(after.graph, after.order, after.tree)).toBe(true);
        if (was) expect(unit.kind.length).toBe(original);
        else dispatched++;
        expect(walks(unit, original, 6)).toEqual(before);
      }),
      { numRuns: 500 },
    );
    expect(dispatched).toBeGreaterThan(20);
  });
});

describe("loops", () => {
  it("hold the nodes that reach a back edge without leaving by the header", () => {
    fc.assert(
      fc.property(successors, (lists) => {
        const unit = unitOf(lists);
        makeReducible(unit);
        const { graph, order, preds } = analyse(unit.succ);
        const { isHeader, innermost, outer } = loopsOf(graph, order, preds);
        const inLoop = (node: number, header: number): boolean => {
          let at = innermost[node];
          while (at !== -1 && at !== header) at = outer[at]!;
          return at === header;
        };
        for (const header of order.nodes) {
          // Backwards from the sources of back edges, not through the header.
          const body = new Set<number>();
          const work = unit.succ.flatMap((list, from) =>
            list.includes(header) && order.rank[from] >= order.rank[header] ? [from] : [],
          );
          expect(isHeader[header] === 1).toBe(work.length > 0);
          if (work.length > 0) body.add(header);
          while (work.length > 0) {
            const node = work.pop()!;
            if (body.has(node)) continue;
            body.add(node);
            for (const [from, list] of unit.succ.entries()) if (list.includes(node)) work.push(from);
          }
          for (const node of order.nodes) expect(inLoop(node, header)).toBe(body.has(node));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("structure", () => {
  it("labels what is branched to from more than one place, and keeps clang's graphs free of dispatchers", () => {
    // if (a) b; else c; while (d) e; return
    const unit = unitOf([[1, 2], [3], [3], [4, 5], [3], []]);
    const { labelled, isHeader, dispatched, after } = structureOf(unit);
    expect([...labelled]).toEqual([0, 0, 0, 1, 0, 1]);
    expect([...isHeader]).toEqual([0, 0, 0, 1, 0, 0]);
    expect(after[3]).toEqual([5]);
    expect(dispatched).toBe(false);
  });
});
