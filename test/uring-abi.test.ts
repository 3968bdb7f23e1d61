// The layouts and numbers of uring/abi against the BTF of a real Linux 7.2: every struct, member, offset, size and
// enumerator that BTF knows. Skipped where the dump or xz is not at hand.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { FIELD_SIZE, type Field, type FieldType, type Layout } from "../src/base/index.ts";
import { Btf } from "../src/bpf/btf/index.ts";
import * as abi from "../src/uring/abi/index.ts";

const DUMP = fileURLToPath(new URL("../../shared/linux-7.2.13.btf.xz", import.meta.url));

/** The dump, or why it cannot be had. */
function unpack(): Uint8Array | string {
  if (!existsSync(DUMP)) return "../shared/linux-7.2.13.btf.xz is not beside the project";
  try {
    return execFileSync("xz", ["-dc", DUMP], { maxBuffer: 1 << 28 });
  } catch (error) {
    return `xz is needed to unpack the BTF: ${String(error)}`;
  }
}

const bytes = unpack();
const missing = typeof bytes === "string" ? bytes : undefined;
const btf = typeof bytes === "string" ? undefined : Btf.parse(bytes);

/** Byte offset and size of member `path` ("sq_off.head") of a type, through anonymous structs and unions. */
function member(
  kernel: Btf,
  type: number,
  path: string,
): { offset: number; size: number; signed: boolean } | undefined {
  const [name, ...rest] = path.split(".");
  const composite = kernel.resolved(type);
  if (composite.kind !== "STRUCT" && composite.kind !== "UNION") return undefined;
  for (const one of composite.members) {
    const at = one.bit_offset / 8;
    if (one.name === name) {
      if (rest.length === 0) return { offset: at, size: kernel.sizeOf(one.type), signed: isSigned(kernel, one.type) };
      const inner = member(kernel, one.type, rest.join("."));
      return inner && { ...inner, offset: at + inner.offset };
    }
    if (one.name === "") {
      const inner = member(kernel, one.type, path);
      if (inner) return { ...inner, offset: at + inner.offset };
    }
  }
  return undefined;
}

function isSigned(kernel: Btf, type: number): boolean {
  const resolved = kernel.resolved(type);
  return resolved.kind === "INT" && resolved.signed;
}

/** The kernel has them as the flexible array `big_cqe`. */
const UNNAMED: ReadonlySet<string> = new Set(["io_uring_cqe.big_cqe0", "io_uring_cqe.big_cqe1"]);

/** Structs of user space that the kernel knows under another name or shape. */
const USER_NAMES: Readonly<Record<string, string>> = { msghdr: "user_msghdr" };

const LAYOUTS = (Object.values(abi) as unknown[]).filter(
  (value): value is Layout => typeof value === "object" && value !== null && "fields" in value && "size" in value,
);

describe.skipIf(missing !== undefined)(`against the BTF of Linux 7.2${missing ? ` (skipped: ${missing})` : ""}`, () => {
  test.each(LAYOUTS.map((layout) => [`${layout.name} (${layout.size})`, layout] as const))("%s", (_, layout) => {
    const name = USER_NAMES[layout.name] ?? layout.name;
    const id = btf!.findByName(name, "STRUCT");
    expect(id, `struct ${name}`).toBeDefined();
    // the 128-byte SQE and the 32-byte CQE are one struct with their small brothers
    if (layout !== abi.io_uring_sqe128 && layout !== abi.io_uring_cqe32) expect(layout.size).toBe(btf!.sizeOf(id!));
    for (const [field, [offset, type]] of Object.entries<Field>(layout.fields)) {
      if (UNNAMED.has(`${name}.${field}`)) continue;
      const real = member(btf!, id!, field);
      expect(real, `${name}.${field}`).toBeDefined();
      expect([field, offset, FIELD_SIZE[type]]).toEqual([field, real!.offset, real!.size]);
      if (real!.signed) expect([field, type]).toEqual([field, `s${real!.size * 8}` as FieldType]);
    }
  });

  const ENUMS = [
    ["io_uring_op", abi.IORING_OP, ["IORING_OP_LAST"]],
    ["io_uring_register_op", abi.IORING_REGISTER, ["IORING_REGISTER_LAST", "IORING_REGISTER_USE_REGISTERED_RING"]],
  ] as const;

  test.each(ENUMS)("enum %s", (name, table, others) => {
    const id = [btf!.findByName(name, "ENUM"), btf!.findByName(name, "ENUM64")].find((found) => found !== undefined);
    const type = btf!.type(id!);
    if (type.kind !== "ENUM" && type.kind !== "ENUM64") return expect.unreachable();
    const values = type.values.filter((value) => !(others as readonly string[]).includes(value.name));
    expect(Object.fromEntries(values.map((value) => [value.name, Number(value.val)]))).toEqual(table);
  });
});
