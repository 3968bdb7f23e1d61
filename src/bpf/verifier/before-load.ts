// What a load fails for before Linux looks at the program: BTF that is malformed or whose special fields make no sense, and
// maps that cannot be (btf_parse of kernel/bpf/btf.c, map_create_alloc of kernel/bpf/syscall.c at v7.2). Linux prints no log
// there; the messages are ours.

import { loadProblem } from "../btf/index.ts";
import type { MapSpec } from "../object/index.ts";
import { EINVAL, type Env } from "./env.ts";
import { needsBtf } from "./map-btf.ts";
import { mapProblem } from "./map-create.ts";
import { FieldProblem, structFields } from "./record.ts";

/** Finds the program's structs with special fields, and refuses BTF and maps that Linux would refuse. */
export function checkBeforeLoad(env: Env): void {
  // programs of other types are loaded without BTF when Linux does not take it
  const problem = env.type.attach === undefined ? undefined : loadProblem(env.btf);
  if (problem !== undefined) env.reject(EINVAL, `BTF of the program is refused: ${problem}`);
  try {
    env.objects = structFields(env.btf, env.target);
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error;
    env.reject(error.errno, `BTF of the program is refused: ${error.message}`);
  }
  env.program.maps.forEach((spec, index) => {
    checkCreation(env, spec);
    if (spec.inner !== undefined) checkCreation(env, spec.inner);
    if (needsBtf(spec) && !env.map(index)!.hasBtf) {
      env.reject(EINVAL, `map '${spec.name}' is refused: this type needs BTF of its key, an int, and of its value`);
    }
  });
}

function checkCreation(env: Env, spec: Omit<MapSpec, "inner">): void {
  const problem = mapProblem(spec);
  if (problem !== undefined) env.reject(problem.errno, `map '${spec.name}' is refused: ${problem.why}`);
}
