/** What waits for one loop over a subscription. It gives every event once, in order. */
export declare class Queue<E> implements AsyncIterableIterator<E> {
    private readonly taken;
    private readonly left;
    readonly items: E[];
    private readonly waiting;
    private over;
    private failure;
    /** `taken` is called when an event was taken, and `left` when the loop is left. */
    constructor(taken: () => void, left: (q: Queue<E>) => void);
    push(item: E): void;
    /** Ends the loop behind the events that wait. The loop throws the failure, if there is one. */
    end(failure?: Error): void;
    next(): Promise<IteratorResult<E>>;
    return(): Promise<IteratorResult<E>>;
    [Symbol.asyncIterator](): this;
}
