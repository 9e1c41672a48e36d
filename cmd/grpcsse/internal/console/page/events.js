// @ts-check
import { age, common, difference, flatten } from "./diff.js";
import { bytes, clock, el, fill } from "./dom.js";

/** What the page keeps: this many events and about this many bytes. Older ones are forgotten. */
export const mostEvents = 2000;
export const mostBytes = 16 << 20;
/** How many events the list shows, and how much of the text of one. */
export const mostRows = 200;
const mostText = 400, mostDetail = 100_000;
/** A larger event is text only: it is not compared. */
const mostParsed = 256 << 10;

/**
 * @typedef {import("./sse.js").Block} Block
 * @typedef {{number: number, block: Block, flat: Map<string, string> | null, changes: ReturnType<typeof difference>,
 *   first: boolean, gap: number | null, age: number | null, text: string}} Kept
 */

/** The newest events, bounded in number and size. */
export class Ring {
  constructor() {
    /** @type {Kept[]} */
    this.kept = [];
    this.size = 0;
    this.count = 0;
    /** How many events were forgotten. */
    this.dropped = 0;
    /** The events of the upstream, without those of the bridge. */
    this.events = 0;
    /** @type {Map<string, string> | null} */
    this.last = null;
    this.lastAt = 0;
  }

  /** @param {Block} block @returns {Kept} */
  add(block) {
    /** @type {Map<string, string> | null} */
    let flat = null;
    if (block.data.length <= mostParsed) {
      try { flat = flatten(JSON.parse(block.data)); } catch { /* not JSON */ }
    }
    const own = block.name.startsWith("grpc-");
    const kept = {
      number: ++this.count, block, flat: own ? null : flat, first: own || !this.last || !flat,
      changes: !own && this.last && flat ? difference(this.last, flat) : [],
      gap: this.lastAt ? block.at - this.lastAt : null, age: !own && flat ? age(flat, block.at) : null,
      text: `${block.name} ${block.id ?? ""} ${block.data.slice(0, 20_000)}`.toLowerCase(),
    };
    if (!own) {
      this.last = flat;
      this.events++;
    }
    this.lastAt = block.at;
    this.kept.push(kept);
    this.size += weight(kept);
    while (this.kept.length > mostEvents || this.size > mostBytes && this.kept.length > 1) {
      this.size -= weight(/** @type {Kept} */ (this.kept.shift()));
      this.dropped++;
    }
    return kept;
  }

  clear() {
    this.kept = [];
    this.size = 0;
    this.dropped = 0;
  }
}

/** @param {Kept} kept */
const weight = (kept) => 4 * kept.block.data.length + 500;

/** The list of events, the newest first. */
export class EventList {
  /** @param {Ring} ring */
  constructor(ring) {
    this.ring = ring;
    this.mode = "data";
    this.words = /** @type {string[]} */ ([]);
    this.paused = false;
    this.pausedAt = 0; // the number of the last event before the pause
    /** @type {Kept[]} */
    this.frozen = [];
    this.opened = new Set();
    this.node = el("ol", { class: "events", "aria-label": "Events, the newest first" });
    this.node.addEventListener("keydown", (/** @type {KeyboardEvent} */ e) => {
      const line = /** @type {HTMLElement} */ (e.target).closest("li")?.querySelector('[aria-expanded="true"]');
      if (e.key === "Escape" && line) /** @type {HTMLElement} */ (line).click();
    });
    /** @type {Map<number, {mode: string, open: boolean, node: HTMLElement}>} */
    this.rows = new Map();
  }

  /** @param {boolean} paused */
  pause(paused) {
    this.paused = paused;
    this.frozen = paused ? [...this.ring.kept] : [];
    this.pausedAt = this.ring.count;
  }

  render() {
    const all = this.paused ? this.frozen : this.ring.kept;
    /** @type {HTMLElement[]} */
    const nodes = [];
    const rows = new Map();
    for (let i = all.length - 1; i >= 0 && nodes.length < mostRows; i--) {
      const kept = all[i];
      if (!this.words.every((w) => kept.text.includes(w))) continue;
      const open = this.opened.has(kept.number);
      let row = this.rows.get(kept.number);
      if (!row || row.mode !== this.mode || row.open !== open) row = { mode: this.mode, open, node: this.row(kept, open) };
      rows.set(kept.number, row);
      nodes.push(row.node);
    }
    for (const number of this.opened) if (!rows.has(number)) this.opened.delete(number);
    this.rows = rows;
    // Rows that stay are not moved, so that the focus and the selection stay too.
    let at = this.node.firstChild;
    for (const node of nodes) {
      if (at === node) at = at.nextSibling;
      else this.node.insertBefore(node, at);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
    return nodes.length;
  }

  /** @param {Kept} kept @param {boolean} open @returns {HTMLElement} */
  row(kept, open) {
    const { block } = kept;
    const toggle = () => {
      if (!this.opened.delete(kept.number)) this.opened.add(kept.number);
      this.render();
      /** @type {any} */ (this.rows.get(kept.number)?.node.querySelector("button"))?.focus();
    };
    const special = block.name.startsWith("grpc-");
    return el("li", { class: special ? "own" : null },
      el("button", { type: "button", class: "line", "aria-expanded": String(open), onclick: toggle },
        el("time", { text: clock(new Date(block.at)) }),
        el("span", { class: "late", title: kept.age === null ? "since the event before" : "from the newest time in the event until it arrived", text: kept.age !== null ? `${Math.round(kept.age)} ms` : kept.gap === null ? "" : `+${gap(kept.gap)}` }),
        el("span", { class: "id", text: block.id ?? "" , title: block.id === null ? null : "id" }),
        block.name === "message" ? null : el("span", { class: "tag", text: block.name }),
        this.body(kept)),
      open ? this.detail(kept) : null);
  }

  /** @param {Kept} kept */
  body(kept) {
    const { block } = kept;
    if (this.mode === "raw") return el("code", { class: "body raw", text: cut(block.raw.replaceAll("\n", " ⏎ ")) });
    if (this.mode === "diff" && !kept.first) {
      if (!kept.changes.length) return el("code", { class: "body soft", text: "the same" });
      return el("code", { class: "body" }, ...kept.changes.slice(0, 8).flatMap(change), kept.changes.length > 8 ? ` and ${kept.changes.length - 8} more` : null);
    }
    return el("code", { class: "body", text: cut(block.data) });
  }

  /** @param {Kept} kept */
  detail(kept) {
    const { block } = kept;
    let text = block.data;
    try { if (text.length <= mostParsed) text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON */ }
    if (this.mode === "raw") text = block.raw;
    return el("div", { class: "detail" },
      el("p", { class: "soft", text: `event ${kept.number}, ${bytes(block.bytes)}${kept.gap === null ? "" : `, ${gap(kept.gap)} after the one before`}` }),
      this.mode === "diff" && kept.changes.length ? el("ul", { class: "changes" }, ...kept.changes.map((c) => el("li", {}, ...change(c)))) : null,
      el("pre", { tabindex: "0", text: text.length > mostDetail ? `${text.slice(0, mostDetail)}…` : text }));
  }
}

/** @param {{path: string, from: string | null, to: string | null}} c */
function change({ path, from, to }) {
  const alike = from !== null && to !== null ? common(from, to) : 0;
  const rest = (/** @type {string} */ text) => (alike > 12 ? `…${text.slice(alike - 4)}` : text).slice(0, 120);
  return [el("span", { class: "change" }, el("i", { text: path || "value" }), " ",
    from === null ? null : el("del", { text: rest(from) }), from === null || to === null ? null : " → ",
    to === null ? null : el("ins", { text: rest(to) })), " "];
}

/** @param {string} text */
const cut = (text) => text.length > mostText ? `${text.slice(0, mostText)}…` : text;

/** @param {number} ms */
const gap = (ms) => ms < 1000 ? `${ms} ms` : ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60000)} min`;

/** The newest event of each key. */
export class KeyTable {
  /** @param {string} key */
  constructor(key) {
    this.key = key;
    /** @type {Map<string, {flat: Map<string, string>, count: number, at: number, row: any}>} */
    this.latest = new Map();
    /** @type {string[]} */
    this.columns = [];
    /** @type {Set<string>} the names that can be a key */
    this.paths = new Set();
    this.full = false;
    this.head = el("tr");
    this.rows = el("tbody");
    this.node = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "The newest event of each key" },
      el("table", { class: "grid keys" }, el("thead", {}, this.head), this.rows));
  }

  /** @param {Kept} kept */
  add(kept) {
    if (!kept.flat) return;
    for (const path of kept.flat.keys()) {
      if (this.paths.size < 60) this.paths.add(path);
      if (this.columns.length < 12 && !this.columns.includes(path)) {
        this.columns.push(path);
        this.stale = true;
      }
    }
    this.key ||= kept.flat.keys().next().value ?? "";
    const key = kept.flat.get(this.key);
    if (key === undefined) return;
    const entry = this.latest.get(key);
    if (entry) Object.assign(entry, { flat: kept.flat, count: entry.count + 1, at: kept.block.at });
    else if (this.latest.size < 500) this.latest.set(key, { flat: kept.flat, count: 1, at: kept.block.at, row: null });
    else this.full = true;
  }

  render() {
    if (this.stale) {
      this.stale = false;
      const columns = this.columns.filter((c) => c !== this.key);
      fill(this.head, ...[this.key, ...columns, "events", "at"].map((c) => el("th", { scope: "col", text: c })));
      this.rows.replaceChildren();
      for (const entry of this.latest.values()) entry.row = null;
    }
    for (const [key, entry] of this.latest) {
      if (!entry.row) {
        entry.row = el("tr", {}, el("th", { scope: "row", text: key.slice(0, 200) }), ...Array.from({ length: this.columns.filter((c) => c !== this.key).length + 2 }, () => el("td")));
        this.rows.append(entry.row);
      }
      const texts = [...this.columns.filter((c) => c !== this.key).map((c) => (entry.flat.get(c) ?? "").slice(0, 200)), String(entry.count), clock(new Date(entry.at))];
      texts.forEach((text, i) => {
        const cell = entry.row.cells[i + 1];
        if (cell.textContent !== text) cell.textContent = text;
      });
    }
  }
}
