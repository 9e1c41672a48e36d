// @ts-check

/** @param {string} iso a timestamp as ProtoJSON writes it */
export function clock(iso) {
  return new Date(iso).toLocaleTimeString("en-GB");
}

/** @param {string} duration as ProtoJSON writes it, "12.300s" for example */
export function seconds(duration) {
  const n = Number.parseFloat(duration);
  if (n < 0.001) return "less than 1\u00a0ms";
  if (n < 1) return `${Math.round(n * 1000)}\u00a0ms`;
  return n < 100 ? `${n.toFixed(1)}\u00a0s` : `${Math.round(n / 6) / 10}\u00a0min`;
}

/**
 * @param {number} n
 * @param {string} noun
 */
export function count(n, noun) {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}

/**
 * A change as a percentage with its sign, which one that rounds to nothing has not.
 * @param {number} change
 * @param {number} base what has changed
 */
export function percent(change, base) {
  const text = Math.abs((100 * change) / base).toFixed(2);
  const sign = Number(text) === 0 ? "" : change < 0 ? "−" : "+";
  return `${sign}${text}%`;
}
