// Where special fields are found, and which BTF is refused for them.

import { describe, expect, it } from "vitest";
import { BtfBuilder, type Btf } from "../btf/index.ts";
import { type Fields, structFields, valueFields } from "./record.ts";

/** Members: [name, type, byte offset]. */
type Members = readonly (readonly [string, number, number])[];

/** Types that every case may use. */
class World extends BtfBuilder {
  readonly u32: number = this.addInt("u32", 4);
  readonly u64: number = this.addInt("u64", 8);
  readonly spinLock: number = this.addStruct("bpf_spin_lock", 4, []);
  readonly resLock: number = this.addStruct("bpf_res_spin_lock", 4, []);
  readonly timer: number = this.addStruct("bpf_timer", 16, []);
  readonly head: number = this.addStruct("bpf_list_head", 16, []);
  readonly node: number = this.addStruct("bpf_list_node", 24, []);
  readonly rbNode: number = this.addStruct("bpf_rb_node", 32, []);
  readonly refcount: number = this.addStruct("bpf_refcount", 4, []);
  readonly item: number = this.struct("item", 32, [
    ["x", this.u32, 0],
    ["node", this.node, 8],
  ]);

  struct(name: string, size: number, members: Members): number {
    return this.addStruct(
      name,
      size,
      members.map(([member, type, offset]) => ({ name: member, type, bit_offset: offset * 8 })),
    );
  }

  array(type: number, count: number): number {
    return this.addArray(type, this.u32, count);
  }

  kptr(to: number, tag = "kptr"): number {
    return this.addPtr(this.addTypeTag(tag, to));
  }

  /** A list with its lock, of items. */
  list(size: number, members: Members, tag = "contains:item:node"): number {
    const id = this.struct("list", size, members);
    members.forEach(([, type], i) => type === this.head && this.addDeclTag(tag, id, i));
    return id;
  }
}

const kernel = (() => {
  const btf = new BtfBuilder();
  btf.addStruct("task_struct", 64, []);
  btf.addStruct("file", 64, []);
  return btf.build();
})();

function shown(fields: Fields): string {
  return fields
    .map(({ kind, offset, btf_id, node_offset }) => `${kind}@${offset}${btf_id && !node_offset ? "*" : ""}`)
    .join(" ");
}

/** Fields of the type `make` returns, as a map's value. */
function valueOf(make: (world: World) => number): string {
  const world = new World();
  const id = make(world);
  return shown(valueFields(world.build(), kernel, id));
}

describe("special fields of a value", () => {
  const cases: readonly (readonly [what: string, make: (w: World) => number, fields: string])[] = [
    ["none", (w) => w.struct("v", 8, [["x", w.u64, 0]]), ""],
    ["a number is no value with fields", (w) => w.u64, ""],
    [
      "a lock and a timer",
      (w) =>
        w.struct("v", 24, [
          ["lock", w.spinLock, 0],
          ["t", w.timer, 8],
        ]),
      "bpf_spin_lock@0 bpf_timer@8",
    ],
    [
      "inside another struct",
      (w) =>
        w.struct("v", 24, [
          ["x", w.u64, 0],
          ["in", w.struct("in", 16, [["t", w.timer, 0]]), 8],
        ]),
      "bpf_timer@8",
    ],
    ["a timer where timers cannot lie", (w) => w.struct("v", 20, [["t", w.timer, 4]]), ""],
    [
      "two locks: Linux sees no fields at all",
      (w) =>
        w.struct("v", 8, [
          ["a", w.spinLock, 0],
          ["b", w.spinLock, 4],
        ]),
      "",
    ],
    [
      "locks of both kinds",
      (w) =>
        w.struct("v", 8, [
          ["a", w.spinLock, 0],
          ["b", w.resLock, 4],
        ]),
      "",
    ],
    [
      "an array of pointers",
      (w) => w.struct("v", 24, [["p", w.array(w.kptr(w.item), 3), 0]]),
      "kptr@0* kptr@8* kptr@16*",
    ],
    ["an array of timers is refused", (w) => w.struct("v", 32, [["t", w.array(w.timer, 2), 0]]), ""],
    ["more fields than Linux keeps", (w) => w.struct("v", 96, [["p", w.array(w.kptr(w.item), 12), 0]]), ""],
    [
      "a pointer to a kernel object",
      (w) => w.struct("v", 8, [["p", w.kptr(w.addStruct("task_struct", 4, [])), 0]]),
      "kptr@0*",
    ],
    ["one Linux cannot give back", (w) => w.struct("v", 8, [["p", w.kptr(w.addStruct("file", 4, [])), 0]]), ""],
    [
      "the same, not owned",
      (w) => w.struct("v", 8, [["p", w.kptr(w.addStruct("file", 4, []), "kptr_untrusted"), 0]]),
      "kptr_untrusted@0*",
    ],
    ["a pointer to a number", (w) => w.struct("v", 8, [["p", w.kptr(w.u64), 0]]), ""],
    ["a pointer of two kinds", (w) => w.struct("v", 8, [["p", w.kptr(w.addTypeTag("percpu_kptr", w.item)), 0]]), ""],
    ["a tagged pointer of no kind", (w) => w.struct("v", 8, [["p", w.kptr(w.item, "user"), 0]]), ""],
    [
      "a union is not looked into",
      (w) => w.struct("v", 8, [["u", w.addUnion("u", 8, [{ name: "p", type: w.kptr(w.item), bit_offset: 0 }]), 0]]),
      "",
    ],
    ["nodes mean nothing in a map", (w) => w.struct("v", 24, [["n", w.node, 0]]), ""],
    [
      "a list beside its lock",
      (w) =>
        w.list(24, [
          ["lock", w.spinLock, 0],
          ["head", w.head, 8],
        ]),
      "bpf_spin_lock@0 bpf_list_head@8",
    ],
    ["a list without a lock", (w) => w.list(16, [["head", w.head, 0]]), ""],
    [
      "a list of nothing that is there",
      (w) =>
        w.list(
          24,
          [
            ["lock", w.spinLock, 0],
            ["head", w.head, 8],
          ],
          "contains:nobody:node",
        ),
      "",
    ],
    [
      "a list by a member that is no node",
      (w) =>
        w.list(
          24,
          [
            ["lock", w.spinLock, 0],
            ["head", w.head, 8],
          ],
          "contains:item:x",
        ),
      "",
    ],
    [
      "a list that does not say of what",
      (w) =>
        w.struct("v", 24, [
          ["lock", w.spinLock, 0],
          ["head", w.head, 8],
        ]),
      "",
    ],
  ];
  it.each(cases)("%s", (_, make, fields) => expect(valueOf(make)).toBe(fields));

  it("among globals", () => {
    const world = new World();
    const lock = world.addVar("lock", world.spinLock);
    const head = world.addVar("head", world.head);
    world.addDeclTag("contains:item:node", head);
    const section = world.addDatasec(".data.A", 24, [
      { type: lock, offset: 0, size: 4 },
      { type: head, offset: 8, size: 16 },
    ]);
    expect(shown(valueFields(world.build(), kernel, section))).toBe("bpf_spin_lock@0 bpf_list_head@8");
  });
});

describe("special fields of a program's structs", () => {
  const structs = (make: (w: World) => unknown): Record<string, string> => {
    const world = new World();
    make(world);
    const btf: Btf = world.build();
    return Object.fromEntries(
      [...structFields(btf, kernel)].map(([id, fields]) => [btf.nameOf(id), shown(fields)] as const),
    );
  };

  it("are those of structs that hold one, whatever else there is", () => {
    expect(structs((w) => w.struct("plain", 8, [["x", w.u64, 0]]))).toEqual({ item: "bpf_list_node@8" });
  });

  it("pointers count, also behind volatile", () => {
    const own = structs((w) => w.struct("own", 8, [["p", w.addVolatile(w.kptr(w.item)), 0]]));
    expect(own).toMatchObject({ own: "kptr@0*" });
  });

  const refused: readonly (readonly [what: string, make: (w: World) => unknown, message: RegExp])[] = [
    [
      "in a list and in a tree without counting references",
      (w) =>
        w.struct("both", 56, [
          ["l", w.node, 0],
          ["r", w.rbNode, 24],
        ]),
      /needs a bpf_refcount/,
    ],
    ["a list without a lock", (w) => w.list(16, [["head", w.head, 0]]), /bpf_spin_lock that protects it/],
    [
      "owners nested too deep",
      (w) => {
        let inner = w.item;
        for (let i = 0; i < 9; i++) inner = w.struct(`owner${i}`, 8, [["p", w.kptr(inner), 0]]);
      },
      /more than 8 deep/,
    ],
  ];
  it.each(refused)("are refused: %s", (_, make, message) => expect(() => structs(make)).toThrow(message));

  it("may own one another eight deep", () => {
    const all = structs((w) => {
      let inner = w.item;
      for (let i = 0; i < 7; i++) inner = w.struct(`owner${i}`, 8, [["p", w.kptr(inner), 0]]);
    });
    expect(all).toMatchObject({ owner6: "kptr@0*" });
  });

  it("in both with references counted", () => {
    const all = structs((w) =>
      w.struct("both", 64, [
        ["l", w.node, 0],
        ["r", w.rbNode, 24],
        ["c", w.refcount, 56],
      ]),
    );
    expect(all).toMatchObject({ both: "bpf_list_node@0 bpf_rb_node@24 bpf_refcount@56" });
  });
});
