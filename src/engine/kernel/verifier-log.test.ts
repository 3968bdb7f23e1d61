import { describe, expect, test } from "vitest";
import { explainPoison, KernelRejection, summarizeLog } from "./verifier-log.ts";

const LOG = `func#0 @0
0: R1=ctx() R10=fp0
; if (++steps < 3) @ wild.bpf.c:10
0: (18) r1 = 0xffffc90000123000       ; R1_w=map_value(map=wild.bss,ks=4,vs=24)
; value = *(volatile __u64 *)address; @ wild.bpf.c:12
5: (79) r1 = *(u64 *)(r1 +0)
R1 invalid mem access 'scalar'
verification time 80 usec
stack depth 0
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

describe("the kernel's verifier log", () => {
  test("is summed up by its reason, instruction and source line", () => {
    expect(summarizeLog(LOG)).toMatchObject({
      reason: "R1 invalid mem access 'scalar'",
      insn: 5,
      source: "wild.bpf.c:12: value = *(volatile __u64 *)address;",
    });
  });

  test.each(["", "\n", "processed 0 insns (limit 1000000) max_states_per_insn 0\n"])(
    "that says nothing is said to: %j",
    (log) => {
      expect(summarizeLog(log)).toEqual({
        reason: "the kernel gave no reason",
        tail: [],
        source: undefined,
        insn: undefined,
      });
    },
  );

  test.each([
    [
      "call of a missing weak kfunc",
      "1: (85) call x\ninvalid func unknown#2002000001\n",
      "kfunc 'b' is referenced but wasn't resolved",
    ],
    ["CO-RE relocation of what is not there", "invalid func unknown#195896080", "failed to resolve CO-RE relocation"],
    ["helper that no kernel has", "invalid func unknown#9999", "invalid func unknown#9999"],
  ])("tells a %s as what it is", (_, log, words) => {
    expect(explainPoison(log, ["a", "b"])).toContain(words);
  });

  test("becomes an error that keeps all of it", () => {
    const error = new KernelRejection("wild", -13, LOG);
    expect(error).toMatchObject({ code: "VERIFIER_REJECTED", errno: -13, log: LOG, found: "EACCES" });
    expect(error.message).toMatch(/^program wild, insn 5, wild\.bpf\.c:12: .*invalid mem access/);
  });
});
