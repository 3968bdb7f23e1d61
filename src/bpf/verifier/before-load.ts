// What a load fails for before Linux looks at the program: BTF that is malformed or whose special fields make no sense, and
// maps that cannot be (btf_parse of kernel/bpf/btf.c, map_create_alloc of kernel/bpf/syscall.c at v7.2). Linux prints no log
// there; the messages are ours.

import { BtfBuilder, loadProblem } from "../btf/index.ts";
import type { MapSpec, ResolvedProgram } from "../object/index.ts";
import { EINVAL, type Env } from "./env.ts";
import { needsBtf } from "./map-btf.ts";
import { mapProblem } from "./map-create.ts";
import type { ProgramType } from "./prog-types.ts";
import { FieldProblem, structFields } from "./record.ts";

const NO_BTF = new BtfBuilder().build();

/** The program as a loader hands it over: without BTF if Linux does not take it and programs of the type need none. */
export function asLoaded(program: ResolvedProgram, type: ProgramType): ResolvedProgram {
  if (type.attach !== undefined || loadProblem(program.btf) === undefined) return program;
  const untyped = { btf_key_type_id: 0, btf_value_type_id: 0 };
  return {
    ...program,
    btf: NO_BTF,
    lines: [],
    subprogs: program.subprogs.map((subprog) => ({ ...subprog, type_id: 0 })),
    maps: program.maps.map((map) => ({ ...map, ...untyped })),
  };
}

/** Finds the program's structs with special fields, and refuses BTF and maps that Linux would refuse. */
export function checkBeforeLoad(env: Env): void {
  // those of other types have none then
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
