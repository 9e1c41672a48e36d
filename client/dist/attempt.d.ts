/** Says in the console of the page that something does not work there, once for each thing. */
export declare function warn(thing: string, why: unknown): void;
/** Returns what `f` returns. Where it fails, the page is warned, and goes on with `otherwise`. */
export declare function attempt<T>(thing: string, f: () => T, otherwise?: T): T | undefined;
