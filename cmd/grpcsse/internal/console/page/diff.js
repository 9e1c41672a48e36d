// @ts-check

const mostLeaves = 300;

/**
 * The leaves of a JSON value by their paths. A Map has any name, __proto__ too.
 * @param {any} value @returns {Map<string, string>}
 */
export function flatten(value) {
  /** @type {Map<string, string>} */
  const out = new Map();
  const walk = (/** @type {any} */ v, /** @type {string} */ path, /** @type {number} */ deep) => {
    if (out.size >= mostLeaves) return;
    if (v === null || typeof v !== "object") out.set(path, String(v));
    else if (deep > 6) out.set(path, "…");
    else if (Array.isArray(v)) {
      if (!v.length) out.set(path, "[]");
      v.forEach((x, i) => walk(x, `${path}[${i}]`, deep + 1));
    } else {
      const entries = Object.entries(v);
      if (!entries.length && path) out.set(path, "{}");
      for (const [name, x] of entries) walk(x, path ? `${path}.${name}` : name, deep + 1);
    }
  };
  walk(value, "", 0);
  return out;
}

/**
 * @param {Map<string, string>} before @param {Map<string, string>} now
 * @returns {{path: string, from: string | null, to: string | null}[]} at most 40
 */
export function difference(before, now) {
  const out = [];
  for (const [path, to] of now) {
    const from = before.get(path);
    if (from !== to) out.push({ path, from: from ?? null, to });
    if (out.length === 40) return out;
  }
  for (const [path, from] of before) {
    if (!now.has(path)) out.push({ path, from, to: null });
    if (out.length === 40) return out;
  }
  return out;
}

/** How many characters two texts begin with in common. @param {string} a @param {string} b */
export function common(a, b) {
  let n = 0;
  while (n < a.length && a[n] === b[n]) n++;
  return n;
}

/** The age of an event: from the newest time in it until it arrived, in milliseconds. null without a time that can be one.
 * @param {Map<string, string>} flat @param {number} at */
export function age(flat, at) {
  let newest = -Infinity;
  for (const text of flat.values()) {
    if (text.length < 36 && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text)) newest = Math.max(newest, Date.parse(text));
  }
  const ms = at - newest;
  return ms > -60000 && ms < 3600000 ? ms : null;
}
