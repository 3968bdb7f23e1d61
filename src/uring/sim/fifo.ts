// A queue: what was put in first comes out first. Task work stands in such queues.

/** How much room in front is left lying before the rest moves up. */
const SLACK = 1024;

/** A queue without limit; it takes the room of what stands in it. */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The first, taken out; there must be one. */
  shift(): T {
    const item = this.#items[this.#head++];
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= SLACK && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Those that stand in it, first to last. */
  waiting(): readonly T[] {
    return this.#items.slice(this.#head);
  }

  /** Keeps those for which `keep` holds. */
  filter(keep: (item: T) => boolean): void {
    this.#items = this.waiting().filter(keep);
    this.#head = 0;
  }
}
