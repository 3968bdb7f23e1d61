// All maps of an object, placed together: those in maps of maps are put into their slots.

import type { MapSpec } from "../object/index.ts";
import { createMap, isMapOfMaps, releaseMap } from "./map-layout.ts";
import { openMap } from "./map.ts";
import type { VmMemory } from "./memory.ts";
import type { MapImage } from "./types.ts";

/** Puts the maps that the definition of a map of maps names into their slots. */
function fill(memory: VmMemory, { values = [] }: MapSpec, image: MapImage, maps: readonly MapImage[]): void {
  for (const [slot, name] of values.entries()) {
    const inner = maps.find((map) => map.name === name);
    if (inner === undefined) continue;
    const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
    openMap(image, memory).set(word(slot), word(inner.handle));
  }
}

/** Places the maps of an object, in order. All programs of the object share the result. */
export function createMaps(memory: VmMemory, specs: readonly MapSpec[]): MapImage[] {
  const maps: MapImage[] = [];
  try {
    for (const spec of specs) maps.push(createMap(memory, spec));
    specs.forEach((spec, i) => isMapOfMaps(spec.type) && fill(memory, spec, maps[i], maps));
  } catch (error) {
    for (const map of maps) releaseMap(memory, map);
    throw error;
  }
  return maps;
}
