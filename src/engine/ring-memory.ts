// What a ring has inside the VM's memory, laid out alike by the engines that run programs in a VM (`user`, `sim`): the two
// io_uring regions, the parameter region, and what loop_step is called with. All of it is handed out again once released.

import type { VmMemory } from "../bpf/vm/index.ts";
import { placeTask, type Region, type Regions } from "../loop/index.ts";
import type { SetupRequest } from "../uring/abi/index.ts";
import { ringsLayout } from "../uring/ring/index.ts";

const PAGE = 4096;

/** What stands for struct iou_ctx: a value in the page no program may touch, so that it can be passed on but not read. */
export const IOU_CTX = 0x40;

/** Places of one ring in the memory. Not in it yet: what the kernel writes when it makes the ring. */
export class RingMemory {
  /** The rings area, with room for an SQ array that the request does not ask for. */
  readonly rings: Region;
  readonly sqes: Region;
  readonly mem: Region | undefined;
  /** Address of loop_step's argument array. */
  readonly ctx: number;
  /** Address of struct iou_loop_params. */
  readonly loopParams: number;
  /** Address of the task a program may look at. */
  readonly task: number;
  readonly #memory: VmMemory;
  /** Bytes of the rings area a program sees. */
  readonly #ringsSize: number;
  readonly #taken: number[] = [];

  /**
   * `mem`: bytes of the parameter region, if there is one. `pid`: of the process a program finds itself in. Takes nothing when
   * it throws.
   */
  constructor(memory: VmMemory, request: SetupRequest, mem: number | undefined, pid: number) {
    const layout = ringsLayout(request);
    this.#memory = memory;
    this.#ringsSize = layout.ringsSize;
    try {
      this.rings = this.#pages("ring", layout.ringsReserve, false);
      this.sqes = this.#pages("SQEs", layout.sqesSize, false);
      this.mem = mem === undefined ? undefined : this.#pages("IOU_REGION_MEM", mem, true);
      this.ctx = this.#keep(memory.allocate("the context", 16, { writable: false }));
      this.loopParams = this.#keep(memory.allocate("struct iou_loop_params", 4));
      this.task = this.#keep(placeTask(memory, pid, pid));
    } catch (error) {
      this.release();
      throw error;
    }
    memory.view.setBigUint64(this.ctx, BigInt(IOU_CTX), true);
    memory.view.setBigUint64(this.ctx + 8, BigInt(this.loopParams), true);
  }

  /** Takes memory for the engine's own use, which goes with the rest; its address. */
  own(name: string, size: number): number {
    return this.#keep(this.#memory.allocate(name, size, { visible: false }));
  }

  /** Lets programs see the ring, once the kernel has made it. */
  publish(): Regions {
    const cq: Region = { address: this.rings.address, size: this.#ringsSize };
    const sq = this.sqes;
    const segment = (name: string, { address, size }: Region): void =>
      this.#memory.addSegment({ name, start: address, end: address + size, writable: true });
    segment("IOU_REGION_CQ", cq);
    segment("IOU_REGION_SQ", sq);
    return { mem: this.mem, cq, sq };
  }

  /** Gives everything back. Neither a program nor the kernel may use it any more. */
  release(): void {
    for (const start of this.#taken.splice(0)) this.#memory.release(start);
  }

  #pages(name: string, size: number, visible: boolean): Region {
    return { address: this.#keep(this.#memory.allocate(name, size, { align: PAGE, visible })), size };
  }

  #keep(start: number): number {
    this.#taken.push(start);
    return start;
  }
}

/** Bytes of a region. */
export function regionBytes(memory: VmMemory, { address, size }: Region): Uint8Array {
  return memory.u8.subarray(address, address + size);
}
