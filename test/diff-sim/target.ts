// Playing a script on something that takes io_uring calls. The two targets differ in how they make files and calls only.

import { fnv1a, setField } from "../../src/base/index.ts";
import {
  IORING_ENTER,
  IORING_REGISTER,
  IORING_SETUP,
  IOSQE,
  SOCKET,
  encodeParams,
  io_uring_sqe,
  type SqeField,
} from "../../src/uring/abi/index.ts";
import {
  DATA_AT,
  DATA_END,
  FIXED_BUFFERS,
  FIXED_FILES,
  H,
  PARAMS_AT,
  PARAMS2_AT,
  RINGS_AT,
  UNIX_NAME_SIZE,
  RINGS2_AT,
  SQES_AT,
  SQES2_AT,
  BUFFER_RING_AT,
  BUFFER_RING_ENTRIES,
  BUFFER_RING_GROUP,
  type Action,
  type Outcome,
  type PhaseOutcome,
  type Poke,
  type Script,
  type Value,
} from "./script.ts";

/** A process that can be played on. */
export interface Target {
  readonly memory: Uint8Array;
  /** Address of memory offset 0. */
  readonly base: bigint;
  /** Opens the files of the start, and writes the listeners' addresses to TCP_ADDRESS_AT and UNIX_ADDRESS_AT; descriptors by handle. */
  openFiles(): Map<number, number>;
  setup(entries: number, params: bigint): number;
  enter(fd: number, submit: number, min: number, flags: number, arg: bigint, size: number): number;
  register(fd: number, opcode: number, arg: bigint, nr: number): number;
  read(fd: number, at: number, length: number): number;
  write(fd: number, at: number, length: number): number;
  close(fd: number): number;
  /** Contents of the files in the directory by path, after the run. */
  files(): Record<string, FileContents>;
  /** How often to look at least before nothing more is expected. */
  readonly rounds: number;
  /**
   * Lets time pass until nothing is due within ~20 ms; `expected` completions are to come in all.
   * `waiting`: some requests are in flight, perhaps on their way to where they wait. True: look again.
   */
  settle(ringFd: number, expected: number | undefined, have: number, round: number, waiting: boolean): boolean;
  dispose(): void;
}

/** A file after the run: its size and its first bytes. */
export interface FileContents {
  readonly size: number;
  readonly head: Uint8Array;
}

/** Of larger files only so much is compared. */
export const HEAD_BYTES = 0x10_0000;

const { IORING_ENTER_GETEVENTS } = IORING_ENTER;

/** A phase that is still not quiet then is left as it is. */
const MOST_ROUNDS = 400;

const PATTERN = Uint8Array.from({ length: DATA_END - DATA_AT }, (_, at) => (at * 31 + (at >> 8)) & 0xff);

/** Plays; `expected`: how many CQEs each phase gave on the other side, so that it need not be waited longer. */
export function play(script: Script, target: Target, expected?: readonly number[]): Outcome {
  const handles = target.openFiles();
  const view = new DataView(target.memory.buffer, target.memory.byteOffset, target.memory.byteLength);
  const resolve = (value: Value): bigint => {
    if (typeof value === "number") return BigInt(value);
    if ("m" in value) return target.base + BigInt(value.m);
    if ("raw" in value) return BigInt(value.raw);
    return BigInt(handles.get(value.h) ?? -1);
  };
  const poke = ({ at, size, value }: Poke): void => {
    const bits = resolve(value);
    if (size === 8) view.setBigUint64(at, BigInt.asUintN(64, bits), true);
    else if (size === 4) view.setUint32(at, Number(BigInt.asUintN(32, bits)), true);
    else if (size === 2) view.setUint16(at, Number(BigInt.asUintN(16, bits)), true);
    else view.setUint8(at, Number(BigInt.asUintN(8, bits)));
  };
  target.memory.set(PATTERN, DATA_AT);

  const makeRing = (entries: number, cq_entries: number, flags: number, place: RingPlace): number => {
    encodeParams({ entries, flags, cq_entries }, target.memory.subarray(place.params));
    view.setBigUint64(place.params + 72, target.base + BigInt(place.sqes), true);
    view.setBigUint64(place.params + 112, target.base + BigInt(place.rings), true);
    return target.setup(entries, target.base + BigInt(place.params));
  };
  const fd = makeRing(script.entries, script.cqEntries, script.flags, FIRST);
  const failed: PhaseOutcome = { submitted: fd, actions: [], cqes: [] };
  if (fd < 0) {
    for (const handle of handles.values()) target.close(handle);
    return { phases: [failed], memory: new Uint8Array(0), files: {} };
  }
  handles.set(H.ring, fd);
  const { IORING_SETUP_NO_MMAP, IORING_SETUP_NO_SQARRAY } = IORING_SETUP;
  const second = makeRing(8, 16, (script.secondFlags ?? 0) | IORING_SETUP_NO_MMAP | IORING_SETUP_NO_SQARRAY, SECOND);
  handles.set(H.ring2, second);
  script.pokes.forEach(poke);
  registerAll(target, fd, view, handles);
  registerSecond(target, second, fd, view, script);

  const ring = new RingView(view, script.flags, FIRST);
  const other = new RingView(view, 0, SECOND);
  const phases: PhaseOutcome[] = [];
  // by user_data: what a request opens may be there phases later
  const gives = new Map<string, number>();
  for (const [number, phase] of script.phases.entries()) {
    const actions = phase.actions.map((action) => act(action, target, handles, poke));
    for (const { fields, gives: handle } of phase.sqes) {
      ring.push(fields, resolve);
      if (handle !== undefined) gives.set(String(fields["user_data"]), handle);
    }
    const submitted = phase.sqes.length === 0 ? 0 : target.enter(fd, phase.sqes.length, 0, 0, 0n, 0);
    ring.dropUnsubmitted();
    const cqes: string[] = [];
    const wanted = expected?.[number];
    const reap = (): void => {
      for (const { user_data, res, flags } of ring.reap()) {
        const handle = gives.get(String(user_data));
        const opened = handle !== undefined && res >= 0;
        if (opened) handles.set(handle, res);
        cqes.push(`${user_data} ${opened ? "fd" : res} ${flags}`);
      }
      for (const { user_data, res, flags } of other.reap()) cqes.push(`second:${user_data} ${res} ${flags}`);
    };
    const look = (): void => {
      target.enter(fd, 0, 0, IORING_ENTER_GETEVENTS, 0n, 0);
      target.enter(second, 0, 0, IORING_ENTER_GETEVENTS, 0n, 0);
    };
    reap();
    let again = true;
    for (let round = 1; (again || round <= target.rounds) && round <= MOST_ROUNDS; round++) {
      again = target.settle(fd, wanted, cqes.length, round, cqes.length < phase.sqes.length);
      look();
      const before = cqes.length;
      reap();
      if (cqes.length > before) again = true;
    }
    // a request that posts nothing when it succeeds is given the time to
    if (phase.sqes.some(({ fields }) => (Number(fields["flags"] ?? 0) & IOSQE.IOSQE_CQE_SKIP_SUCCESS) !== 0)) {
      for (let round = 1; target.settle(fd, cqes.length + 1, cqes.length, round, true);) {
        round++;
        look();
        if (round > 3) break;
      }
      reap();
    }
    phases.push({ submitted, actions, cqes });
  }
  const files = Object.fromEntries(
    Object.entries(target.files())
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { size, head }]) => [name, `${size}:${fnv1a(head)}`]),
  );
  const memory = target.memory.slice(DATA_AT, DATA_END);
  for (const handle of handles.values()) target.close(handle);
  return { phases, memory, files };
}

/** The second ring has an empty table of files, the first may have a buffer ring. */
function registerSecond(target: Target, second: number, first: number, view: DataView, script: Script): void {
  const at = PARAMS_AT + 0x200;
  for (let slot = 0; slot < 4; slot++) view.setInt32(at + slot * 4, -1, true);
  target.register(second, IORING_REGISTER.IORING_REGISTER_FILES, target.base + BigInt(at), 4);
  if (script.bufferRing === undefined) return;
  for (let i = 0; i < 40; i += 4) view.setUint32(at + i, 0, true);
  view.setBigUint64(at, target.base + BigInt(BUFFER_RING_AT), true);
  view.setUint32(at + 8, BUFFER_RING_ENTRIES, true);
  view.setUint16(at + 12, BUFFER_RING_GROUP, true);
  view.setUint16(at + 14, script.bufferRing, true);
  const error = target.register(first, IORING_REGISTER.IORING_REGISTER_PBUF_RING, target.base + BigInt(at), 1);
  if (error !== 0) throw new Error(`the buffer ring cannot be registered: ${error}`);
}

/** Writes struct io_uring_buf at the buffer ring's tail, and moves that. */
function provide(target: Target, at: number, length: number, id: number): void {
  const view = new DataView(target.memory.buffer, target.memory.byteOffset, target.memory.byteLength);
  const tail = view.getUint16(BUFFER_RING_AT + 14, true);
  const entry = BUFFER_RING_AT + (tail & (BUFFER_RING_ENTRIES - 1)) * 16;
  view.setBigUint64(entry, target.base + BigInt(at), true);
  view.setUint32(entry + 8, length, true);
  view.setUint16(entry + 12, id, true);
  view.setUint16(BUFFER_RING_AT + 14, (tail + 1) & 0xffff, true);
}

function registerAll(target: Target, fd: number, view: DataView, handles: ReadonlyMap<number, number>): void {
  const at = PARAMS_AT + 0x200;
  FIXED_FILES.forEach((handle, slot) =>
    view.setInt32(at + slot * 4, handle < 0 ? -1 : (handles.get(handle) ?? -1), true),
  );
  target.register(fd, IORING_REGISTER.IORING_REGISTER_FILES, target.base + BigInt(at), FIXED_FILES.length);
  FIXED_BUFFERS.forEach(([start, length], i) => {
    view.setBigUint64(at + i * 16, target.base + BigInt(start), true);
    view.setBigUint64(at + i * 16 + 8, BigInt(length), true);
  });
  target.register(fd, IORING_REGISTER.IORING_REGISTER_BUFFERS, target.base + BigInt(at), FIXED_BUFFERS.length);
}

function act(action: Action, target: Target, handles: Map<number, number>, poke: (poke: Poke) => void): number {
  if (action.do === "poke") {
    poke(action.poke);
    return 0;
  }
  if (action.do === "provide") {
    provide(target, action.at, action.length, action.id);
    return 0;
  }
  const fd = handles.get(action.h) ?? -1;
  if (action.do === "write") return target.write(fd, action.at, action.length);
  if (action.do === "read") return target.read(fd, action.at, action.length);
  handles.delete(action.h);
  return target.close(fd);
}

/** Where a ring lies. */
interface RingPlace {
  readonly params: number;
  readonly rings: number;
  readonly sqes: number;
}

const FIRST: RingPlace = { params: PARAMS_AT, rings: RINGS_AT, sqes: SQES_AT };
const SECOND: RingPlace = { params: PARAMS2_AT, rings: RINGS2_AT, sqes: SQES2_AT };

/** The ring as the process uses it: both targets have it at the same place. */
class RingView {
  readonly #view: DataView;
  readonly #place: RingPlace;
  readonly #sqMask: number;
  readonly #cqMask: number;
  readonly #array: number;
  readonly #sqeSize: number;
  readonly #cqeSize: number;

  constructor(view: DataView, flags: number, place: RingPlace) {
    this.#view = view;
    this.#place = place;
    this.#sqMask = view.getUint32(place.rings + 16, true);
    this.#cqMask = view.getUint32(place.rings + 20, true);
    const array = view.getUint32(place.params + 64, true);
    this.#array = place === FIRST && (flags & IORING_SETUP.IORING_SETUP_NO_SQARRAY) === 0 ? array : 0;
    this.#sqeSize = (flags & IORING_SETUP.IORING_SETUP_SQE128) !== 0 ? 128 : 64;
    this.#cqeSize = (flags & IORING_SETUP.IORING_SETUP_CQE32) !== 0 ? 32 : 16;
  }

  push(fields: Readonly<Record<string, Value>>, resolve: (value: Value) => bigint): void {
    const view = this.#view;
    const tail = view.getUint32(this.#place.rings + 4, true);
    const index = tail & this.#sqMask;
    const at = this.#place.sqes + index * this.#sqeSize;
    for (let i = 0; i < this.#sqeSize; i += 8) view.setBigUint64(at + i, 0n, true);
    for (const [name, value] of Object.entries(fields))
      setField(io_uring_sqe, view, at, name as SqeField, resolve(value));
    if (this.#array !== 0) view.setUint32(this.#place.rings + this.#array + index * 4, index, true);
    view.setUint32(this.#place.rings + 4, (tail + 1) >>> 0, true);
  }

  /** SQEs behind one that was refused are not submitted later. */
  dropUnsubmitted(): void {
    this.#view.setUint32(this.#place.rings + 4, this.#view.getUint32(this.#place.rings, true), true);
  }

  *reap(): Generator<{ user_data: bigint; res: number; flags: number }> {
    const view = this.#view;
    let head = view.getUint32(this.#place.rings + 8, true);
    const tail = view.getUint32(this.#place.rings + 12, true);
    for (; head !== tail; head = (head + 1) >>> 0) {
      const at = this.#place.rings + 64 + (head & this.#cqMask) * this.#cqeSize;
      yield {
        user_data: view.getBigUint64(at, true),
        res: view.getInt32(at + 8, true),
        flags: view.getUint32(at + 12, true),
      };
    }
    view.setUint32(this.#place.rings + 8, head, true);
  }
}

/** Contents of the two files that have some. */
export const F0: Uint8Array = Uint8Array.from({ length: 8192 }, (_, i) => (i * 13 + (i >> 8)) & 0xff);
export const F1: Uint8Array = Uint8Array.from({ length: 100 }, (_, i) => 200 - i);

/** Of the listening sockets of the start. */
export const BACKLOG = 5;

/** struct sockaddr_un with an abstract name. */
export function unixName(name: string): Uint8Array {
  const out = new Uint8Array(UNIX_NAME_SIZE);
  out[0] = SOCKET.AF_UNIX;
  out.set(new TextEncoder().encode(`loopstep-${name}`).subarray(0, UNIX_NAME_SIZE - 3), 3);
  return out;
}
