// Whether a run is on, and what has to wait until it is over: memory that a running program uses must not be handed out again.

/** On while a run is. */
export class Occupied {
  #on = false;
  #waiting: (() => void)[] = [];

  get on(): boolean {
    return this.#on;
  }

  enter(): void {
    this.#on = true;
  }

  leave(): void {
    this.#on = false;
    for (const callback of this.#waiting.splice(0)) callback();
  }

  /** Calls back once no run is on: at once, or when the one that is on is over. */
  after(callback: () => void): void {
    if (this.#on) this.#waiting.push(callback);
    else callback();
  }
}
