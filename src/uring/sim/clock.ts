// Virtual time: a number of nanoseconds, and timers in a binary heap. Two timers of one instant fire in the order in which
// they were started, so a run depends on nothing but its inputs. The clock never looks at the real one.

/** A timer: `fire(owner)` when its time comes. It may be started again once it has fired or was stopped. */
export class Timer<Owner> {
  at = 0;
  order = 0;
  /** Place in the heap, -1 while not running. */
  slot = -1;
  fire: (owner: Owner) => void;
  readonly owner: Owner;

  constructor(fire: (owner: Owner) => void, owner: Owner) {
    this.fire = fire;
    this.owner = owner;
  }
}

// oxlint-disable-next-line typescript/no-explicit-any -- the heap holds timers of any owner; only the timer sees its own
type AnyTimer = Timer<any>;

/** CLOCK_MONOTONIC of the simulated machine at its start, ns: it has been up for a second. */
const MONOTONIC_START = 1_000_000_000;
/** CLOCK_REALTIME when CLOCK_MONOTONIC was 0, seconds since 1970: 2026-01-01T00:00:00Z. */
export const REALTIME_OFFSET_SEC = 1_767_225_600;

/** The clock and everything that waits for it. */
export class Clock {
  /** CLOCK_MONOTONIC and CLOCK_BOOTTIME, ns; exact up to 104 days. */
  now: number = MONOTONIC_START;
  #order = 0;
  readonly #heap: AnyTimer[] = [];

  /** Timers running. */
  get pending(): number {
    return this.#heap.length;
  }

  /** When the next timer fires, or Infinity. */
  get next(): number {
    return this.#heap.length > 0 ? this.#heap[0].at : Infinity;
  }

  /** Starts `timer` for the instant `at` (ns; the past counts as now). A running timer is moved. */
  start(timer: AnyTimer, at: number): void {
    if (timer.slot >= 0) this.stop(timer);
    timer.at = at < this.now ? this.now : at;
    timer.order = this.#order++;
    timer.slot = this.#heap.length;
    this.#heap.push(timer);
    this.#up(timer.slot);
  }

  /** Stops `timer`; false when it was not running. */
  stop(timer: AnyTimer): boolean {
    const slot = timer.slot;
    if (slot < 0) return false;
    const last = this.#heap.pop()!;
    if (last !== timer) {
      this.#heap[slot] = last;
      last.slot = slot;
      this.#up(slot);
      this.#down(last.slot);
    }
    timer.slot = -1;
    return true;
  }

  /** Goes to the next timer's instant and fires that one timer; false when there is none, or none up to `limit`. */
  fireNext(limit: number = Infinity): boolean {
    const timer = this.#heap[0];
    if (timer === undefined || timer.at > limit) return false;
    this.stop(timer);
    this.now = timer.at;
    timer.fire(timer.owner);
    return true;
  }

  /** Lets `ns` pass, firing what falls due. */
  advance(ns: number): void {
    const until = this.now + ns;
    while (this.#heap.length > 0 && this.#heap[0].at <= until) this.fireNext();
    if (this.now < until) this.now = until;
  }

  #before(a: AnyTimer, b: AnyTimer): boolean {
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  #up(from: number): void {
    const heap = this.#heap;
    const timer = heap[from];
    let slot = from;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      if (!this.#before(timer, heap[parent])) break;
      heap[slot] = heap[parent]!;
      heap[slot].slot = slot;
      slot = parent;
    }
    heap[slot] = timer;
    timer.slot = slot;
  }

  #down(from: number): void {
    const heap = this.#heap;
    const timer = heap[from];
    let slot = from;
    for (;;) {
      let child = slot * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1], heap[child])) child++;
      if (!this.#before(heap[child], timer)) break;
      heap[slot] = heap[child]!;
      heap[slot].slot = slot;
      slot = child;
    }
    heap[slot] = timer;
    timer.slot = slot;
  }
}
