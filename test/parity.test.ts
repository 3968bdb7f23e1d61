// docs/parity says of each opcode what the simulator makes of it: in the words of the simulator's own table.

import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { OPTABLE } from "../src/uring/abi/index.ts";
import { SIM_OPTABLE } from "../src/uring/sim/ops/optable.ts";

it("the list of simulated opcodes is the simulator's table", () => {
  const text = readFileSync(path.join(import.meta.dirname, "../docs/parity/uring-sim.md"), "utf8");
  const opcodes = text.slice(text.indexOf("## Opcodes"), text.indexOf("## Rings"));
  const listed = [...opcodes.matchAll(/^\| ([A-Z][A-Z0-9_]+) +\| (.*?) +\|$/gm)].map(([, name, what]) => [name, what]);
  const rows = SIM_OPTABLE.map(({ simulates }, opcode) => [OPTABLE[opcode].name.replace("IORING_OP_", ""), simulates]);
  expect(listed).toEqual(rows);
});
