// Values of per-CPU maps. The kernel copies those of all possible CPUs at once, each in a multiple of 8 bytes, and writes that
// much whatever room there is; the programs of one ring run where its thread does, and see one value.

import { readFileSync } from "node:fs";
import { alignUp } from "../../base/index.ts";
import type { MapSpec } from "../../bpf/object/index.ts";
import {
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_PERCPU_HASH,
} from "../../bpf/vm/index.ts";
import { UnsupportedError } from "../../loop/index.ts";

const PER_CPU: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE_PERCPU_HASH,
  BPF_MAP_TYPE_PERCPU_ARRAY,
  BPF_MAP_TYPE_LRU_PERCPU_HASH,
]);
const POSSIBLE = "/sys/devices/system/cpu/possible";

/** How many CPUs a list like `0-3,8` names. */
export function countCpus(list: string): number {
  return list
    .trim()
    .split(",")
    .map((range) => range.split("-").map(Number))
    .reduce((sum, [first, last = first]) => sum + last - first + 1, 0);
}

type Shape = Pick<MapSpec, "name" | "type" | "value_size">;

/** The values of a map as the bpf system call wants them, `cpus` of them for a per-CPU map. */
export class MapValues {
  readonly #spec: Shape;
  /** Bytes from one CPU's value to the next. */
  readonly #stride: number;
  readonly #count: number;

  constructor(spec: Shape, cpus: () => number = () => countCpus(readFileSync(POSSIBLE, "utf8"))) {
    const each = PER_CPU.has(spec.type);
    this.#spec = spec;
    this.#count = each ? cpus() : 1;
    this.#stride = each ? alignUp(spec.value_size, 8) : spec.value_size;
  }

  /** Room for what a look-up writes. */
  room(): Uint8Array {
    return new Uint8Array(this.#stride * this.#count);
  }

  /** What an update takes: the value for every CPU. */
  spread(value: Uint8Array): Uint8Array {
    if (this.#count === 1) return value;
    const all = this.room();
    for (let cpu = 0; cpu < this.#count; cpu++) all.set(value, cpu * this.#stride);
    return all;
  }

  /** The value that a look-up found: all CPUs' when they agree, else that of the one which has another than 0. */
  one(all: Uint8Array): Uint8Array {
    const { value_size, name } = this.#spec;
    const values = Array.from({ length: this.#count }, (_, cpu) =>
      all.slice(cpu * this.#stride, cpu * this.#stride + value_size),
    );
    const distinct = new Map(values.map((value) => [value.join(), value]));
    if (distinct.size > 1) distinct.delete(new Uint8Array(value_size).join());
    const [found, other] = distinct.values();
    if (other === undefined && found !== undefined) return found;
    throw new UnsupportedError("FEATURE_UNSUPPORTED", {
      message: "several CPUs have values of their own",
      where: `per-CPU map ${name}`,
      expected: "one, of the CPU on which the loop ran",
      remedy: "Keep the ring's thread on one CPU (taskset), or use a map that is not per-CPU.",
    });
  }
}
