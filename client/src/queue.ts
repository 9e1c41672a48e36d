/** What waits for one loop over a subscription. It gives every event once, in order. */
export class Queue<E> implements AsyncIterableIterator<E> {
  readonly items: E[] = [];
  private readonly waiting: (() => void)[] = [];
  private over = false;
  private failure: Error | undefined;

  /** `taken` is called when an event was taken, and `left` when the loop is left. */
  constructor(private readonly taken: () => void, private readonly left: (q: Queue<E>) => void) {}

  push(item: E): void {
    this.items.push(item);
    this.waiting.shift()?.();
  }

  /** Ends the loop behind the events that wait. The loop throws the failure, if there is one. */
  end(failure?: Error): void {
    this.over = true;
    this.failure = failure;
    for (const wake of this.waiting.splice(0)) wake();
  }

  async next(): Promise<IteratorResult<E>> {
    while (!this.items.length) {
      const failure = this.failure;
      this.failure = undefined;
      if (failure) throw failure;
      if (this.over) return {value: undefined, done: true};
      await new Promise<void>((wake) => this.waiting.push(wake));
    }
    const value = this.items.shift()!;
    this.taken();
    return {value, done: false};
  }

  async return(): Promise<IteratorResult<E>> {
    this.items.length = 0;
    this.end();
    this.left(this);
    return {value: undefined, done: true};
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
