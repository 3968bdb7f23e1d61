// bpf(2) with its attributes spelled out: each method makes one call and returns the kernel's result, or throws SysError.
// Byte arrays given as values are passed by address; the caller keeps no reference alive, this does during the call.

import { setField, viewOf, type Layout, ENOENT } from "../../base/index.ts";
import { bpf, check, close, type Sys, type SysErrorFacts } from "../../sys/index.ts";
import * as A from "./bpf-attr.ts";

/** A field's value: bytes stand for their address. */
type AttrValue = number | bigint | Uint8Array;

const UTF8 = new TextEncoder();

/** A map to create. */
export interface MapCreate {
  readonly name: string;
  readonly map_type: number;
  readonly key_size: number;
  readonly value_size: number;
  readonly max_entries: number;
  readonly map_flags: number;
  readonly inner_map_fd?: number;
  readonly btf_fd?: number;
  readonly btf_key_type_id?: number;
  readonly btf_value_type_id?: number;
  readonly btf_vmlinux_value_type_id?: number;
  readonly map_extra?: bigint;
}

/** Calls of bpf(2) from one thread. */
export class BpfCalls {
  readonly sys: Sys;

  constructor(sys: Sys) {
    this.sys = sys;
  }

  /** The raw result: a descriptor, 0 or a negative errno. */
  call<N extends string>(
    cmd: A.BpfCmd,
    shape: Layout<N>,
    values: Partial<Record<N, AttrValue>>,
    name?: readonly [string, number],
  ): number {
    const attr = new Uint8Array(shape.size);
    this.#fill(attr, shape, values, name);
    return bpf(this.sys, A.BPF_CMD[cmd], attr);
  }

  #fill<N extends string>(
    attr: Uint8Array,
    shape: Layout<N>,
    values: Partial<Record<N, AttrValue>>,
    name?: readonly [string, number],
  ): void {
    const view = viewOf(attr);
    for (const [field, value] of Object.entries<AttrValue | undefined>(values)) {
      if (value === undefined) continue;
      setField(shape, view, 0, field as N, value instanceof Uint8Array ? this.#address(value) : value);
    }
    if (name) attr.set(kernelName(name[0]), name[1]);
  }

  #address(bytes: Uint8Array): number {
    return bytes.length === 0 ? 0 : this.sys.addressOf(bytes);
  }

  mapCreate({ name, ...values }: MapCreate): number {
    const fd = this.call("BPF_MAP_CREATE", A.map_create_attr, values, [name, A.MAP_NAME_AT]);
    return check(fd, "bpf(BPF_MAP_CREATE)", { where: `map ${name}` });
  }

  /** Copies the value of `key` into `value`; false when there is none. */
  mapLookup(map_fd: number, key: Uint8Array, value: Uint8Array): boolean {
    const result = this.call("BPF_MAP_LOOKUP_ELEM", A.map_elem_attr, { map_fd, key, value });
    if (result === -ENOENT) return false;
    check(result, "bpf(BPF_MAP_LOOKUP_ELEM)");
    return true;
  }

  mapUpdate(map_fd: number, key: Uint8Array, value: Uint8Array, facts: Partial<SysErrorFacts> = {}): void {
    check(this.call("BPF_MAP_UPDATE_ELEM", A.map_elem_attr, { map_fd, key, value }), "bpf(BPF_MAP_UPDATE_ELEM)", facts);
  }

  /** The same for a host's map: 0 or a negative errno. */
  mapSet(map_fd: number, key: Uint8Array, value: Uint8Array): number {
    return this.call("BPF_MAP_UPDATE_ELEM", A.map_elem_attr, { map_fd, key, value });
  }

  /** False when there was no such key. */
  mapDelete(map_fd: number, key: Uint8Array): boolean {
    const result = this.call("BPF_MAP_DELETE_ELEM", A.map_elem_attr, { map_fd, key });
    if (result === -ENOENT) return false;
    check(result, "bpf(BPF_MAP_DELETE_ELEM)");
    return true;
  }

  /** Writes the key after `key` (undefined: the first) into `next`; false at the end. */
  mapNextKey(map_fd: number, key: Uint8Array | undefined, next: Uint8Array): boolean {
    const result = this.call("BPF_MAP_GET_NEXT_KEY", A.map_elem_attr, { map_fd, ...(key && { key }), value: next });
    if (result === -ENOENT) return false;
    check(result, "bpf(BPF_MAP_GET_NEXT_KEY)");
    return true;
  }

  mapFreeze(map_fd: number): void {
    check(this.call("BPF_MAP_FREEZE", A.map_elem_attr, { map_fd }), "bpf(BPF_MAP_FREEZE)");
  }

  /** Attaches a struct_ops map: the link's descriptor or a negative errno. */
  linkCreate(map_fd: number): number {
    return this.call("BPF_LINK_CREATE", A.link_create_attr, { map_fd, attach_type: A.BPF_STRUCT_OPS });
  }

  /** Waits without end while the ring's loop spins. */
  linkDetach(link_fd: number): void {
    check(this.call("BPF_LINK_DETACH", A.link_detach_attr, { link_fd }), "bpf(BPF_LINK_DETACH)");
  }

  /** Ids of all maps, programs or links of the system; needs privilege. */
  ids(what: "MAP" | "PROG" | "LINK"): number[] {
    const ids: number[] = [];
    const attr = new Uint8Array(A.get_id_attr.size);
    const view = viewOf(attr);
    for (let start_id = 0; ;) {
      setField(A.get_id_attr, view, 0, "start_id", start_id);
      const result = bpf(this.sys, A.BPF_CMD[`BPF_${what}_GET_NEXT_ID`], attr);
      if (result === -ENOENT) return ids;
      check(result, `bpf(BPF_${what}_GET_NEXT_ID)`);
      start_id = view.getUint32(4, true);
      ids.push(start_id);
    }
  }

  close(fd: number): void {
    close(this.sys, fd);
  }
}

/** A name as the kernel takes it: 15 letters, digits, dots and underscores. */
function kernelName(name: string): Uint8Array {
  return UTF8.encode(name.replaceAll(/[^A-Za-z0-9_.]/g, "_").slice(0, A.BPF_OBJ_NAME_LEN - 1));
}
