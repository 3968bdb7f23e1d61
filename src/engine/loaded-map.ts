// A map as hosts see it: bytes in and out, and entries decoded by BTF where the object tells the types.

import { LoopstepError, describeErrno, viewOf, ENOENT } from "../base/index.ts";
import { readValue, type Btf } from "../bpf/btf/index.ts";
import type { MapSpec } from "../bpf/object/index.ts";
import type { LoadedMap } from "../loop/index.ts";

/** What an engine offers of one map. Errors are negative errno. */
export interface MapAccess {
  get(key: Uint8Array): Uint8Array | undefined;
  set(key: Uint8Array, value: Uint8Array): number;
  remove(key: Uint8Array): number;
  copies(): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
}

/** A map operation of the host failed. */
class MapError extends LoopstepError<"MAP_SIZE" | "MAP_UPDATE" | "MAP_DELETE"> {}

/** The map `spec` over `access`. */
export function loadedMap(spec: MapSpec, btf: Btf, access: MapAccess): LoadedMap {
  const { name, key_size, value_size, btf_key_type_id, btf_value_type_id } = spec;
  const where = `map ${name}`;
  const sized = (bytes: Uint8Array, size: number, what: string): Uint8Array => {
    if (bytes.length === size) return bytes;
    throw new MapError("MAP_SIZE", {
      where,
      message: `the ${what} has the wrong size`,
      found: `${bytes.length} bytes`,
      expected: `${size}`,
    });
  };
  const decode = (bytes: Uint8Array, type: number): unknown =>
    type === 0 ? bytes : readValue(btf, type, viewOf(bytes), 0);
  return {
    name,
    lookup: (key) => access.get(sized(key, key_size, "key")),
    update(key, value) {
      const errno = access.set(sized(key, key_size, "key"), sized(value, value_size, "value"));
      if (errno < 0)
        throw new MapError("MAP_UPDATE", { where, message: "the update was refused", found: describeErrno(errno) });
    },
    delete(key) {
      const errno = access.remove(sized(key, key_size, "key"));
      if (errno < 0 && errno !== -ENOENT)
        throw new MapError("MAP_DELETE", {
          where,
          message: "the entry cannot be deleted",
          found: describeErrno(errno),
        });
      return errno === 0;
    },
    entries: () =>
      Array.from(access.copies(), ([key, value]) => [decode(key, btf_key_type_id), decode(value, btf_value_type_id)]),
  };
}
