// What the function behind a struct_ops member returns, by the target's BTF.

import type { Env } from "./env.ts";

/** "void" when the member a program implements returns nothing. */
export function structOpsReturn(env: Env): "void" | "value" {
  const { attach } = env.type;
  if (attach === undefined) return "value";
  const struct = env.target.findByName(attach.struct, "STRUCT");
  if (struct === undefined) return "value";
  const type = env.target.type(struct);
  const member = type.kind === "STRUCT" ? type.members.find((m) => m.name === attach.member) : undefined;
  const ptr = member === undefined ? undefined : env.target.resolved(member.type);
  const proto = ptr?.kind === "PTR" ? env.target.resolved(ptr.type) : undefined;
  if (proto?.kind !== "FUNC_PROTO") return "value";
  return env.target.resolved(proto.type).kind === "VOID" ? "void" : "value";
}
