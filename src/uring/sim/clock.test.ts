import { array, assert, nat, option, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { Clock, Timer } from "./clock.ts";
import { FaultInjector, type FaultPlan } from "./faults.ts";

describe("virtual time", () => {
  it("fires timers by time, and by start where times are equal, whatever was stopped or moved between", () => {
    const act = record({ at: nat(50), stop: option(nat(30)), move: option(nat(30)) });
    assert(
      property(array(act, { maxLength: 30 }), (acts) => {
        const clock = new Clock();
        const start = clock.now;
        const fired: number[] = [];
        const expected = new Map<number, { at: number; order: number }>();
        const timers: Timer<number>[] = [];
        let order = 0;
        for (const [i, { at, stop, move }] of acts.entries()) {
          timers.push(new Timer((owner: number) => fired.push(owner), i));
          clock.start(timers[i], start + at);
          expected.set(i, { at, order: order++ });
          const stopped = stop === null ? undefined : timers[stop];
          if (stopped !== undefined) expect(clock.stop(stopped)).toBe(expected.delete(stop!));
          const moved = move === null ? undefined : timers[move];
          if (moved !== undefined) {
            clock.start(moved, start + at + 7);
            expected.set(move!, { at: at + 7, order: order++ });
          }
        }
        clock.advance(100);
        const sorted = [...expected].toSorted(([, a], [, b]) => a.at - b.at || a.order - b.order).map(([i]) => i);
        expect(fired).toEqual(sorted);
        expect([clock.pending, clock.now]).toEqual([0, start + 100]);
      }),
    );
  });
});

describe("fault plans", () => {
  const strikes = (plan: FaultPlan, seed: number): string[] => {
    const out: string[] = [];
    const injector = new FaultInjector(plan, seed);
    injector.listen((rule, kind, req, value, nth) => out.push([rule, kind, req, value, nth].join(" ")));
    for (let req = 1; req <= 100; req++) injector.decide(req % 2 === 0 ? "IORING_OP_READ" : "IORING_OP_NOP", req);
    return out;
  };
  const NOP = { kind: "latency", op: "NOP", ns: [0, 1000], chance: 0.3 } as const;
  const READ = { kind: "error", op: "READ", errno: 5, chance: 0.2, id: 7 } as const;

  it("strikes the same again for the same seed, and differently for another", () => {
    const plan = { rules: [NOP, READ] };
    expect(strikes(plan, 3)).toEqual(strikes(plan, 3));
    expect(strikes(plan, 3)).not.toEqual(strikes(plan, 4));
  });

  it("leaves a rule alone when another is taken away", () => {
    const both = strikes({ rules: [READ, NOP] }, 9).filter((line) => line.includes("error"));
    expect(strikes({ rules: [READ] }, 9)).toEqual(both);
  });

  it.each([
    [{ kind: "latency", ns: [5, 5], nth: 4 }, ["0 latency 4 5 4"]],
    [{ kind: "latency", ns: [5, 5], op: ["READ"], every: 25 }, ["0 latency 50 5 25", "0 latency 100 5 50"]],
  ] as const)("strikes where %j says", (rule, expected) => {
    expect(strikes({ rules: [rule] }, 1)).toEqual(expected);
  });

  it.each([
    { kind: "error", errno: 0 },
    { kind: "error", errno: 5, op: "REED" },
    { kind: "short", bytes: [5, 1] },
    { kind: "latency", ns: [0, 1], chance: 2 },
    { kind: "typhoon" },
  ])("refuses %j", (rule) => {
    expect(() => new FaultInjector({ rules: [rule as never] }, 1)).toThrow(/rule 0 of the fault plan/);
  });
});
