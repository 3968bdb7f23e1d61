// For tests: a map from what is particular to it.

import type { MapSpec } from "../object/index.ts";

/** A map without flags, types or contents, unless `more` gives them. */
export function mapSpec(
  name: string,
  type: number,
  [key_size, value_size, max_entries]: readonly [key_size: number, value_size: number, max_entries: number],
  more: Partial<MapSpec> = {},
): MapSpec {
  return {
    name,
    kind: "map",
    type,
    key_size,
    value_size,
    max_entries,
    map_flags: 0,
    btf_key_type_id: 0,
    btf_value_type_id: 0,
    frozen: false,
    ...more,
  };
}
