const said = new Set<string>();

/** Says in the console of the page that something does not work there, once for each thing. */
export function warn(thing: string, why: unknown): void {
  if (!said.has(thing)) console.warn("grpcsse: " + thing, why);
  said.add(thing);
}

/** Returns what `f` returns. Where it fails, the page is warned, and goes on with `otherwise`. */
export function attempt<T>(thing: string, f: () => T, otherwise?: T): T | undefined {
  try {
    return f();
  } catch (e) {
    warn(thing, e);
    return otherwise;
  }
}
