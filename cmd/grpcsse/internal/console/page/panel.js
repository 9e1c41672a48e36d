// @ts-check
import { EventList, KeyTable, mostRows, Ring } from "./events.js";
import { el, fill, short } from "./dom.js";
import { flow } from "./text.js";
import { Stream } from "./sse.js";

const words = new Map([
  ["idle", "not open"], ["connecting", "connecting"], ["open", "open"], ["waiting", "waiting"], ["ended", "ended"], ["failed", "failed"], ["stopped", "closed"],
]);
/** The list is drawn at most so often. */
const drawEvery = 120;

/** A stream and its events. */
export class Panel {
  /** @param {any} detail @param {(running: boolean) => void} changed @param {HTMLElement} code */
  constructor(detail, changed, code) {
    this.detail = detail;
    this.changed = changed;
    this.shown = () => {};
    this.ring = new Ring();
    this.list = new EventList(this.ring);
    this.table = new KeyTable(detail.key || "");
    this.picked = detail.key || "";
    /** @type {Stream | null} */
    this.stream = null;
    this.state = "idle";
    /** @type {Set<string>} */
    this.seen = new Set();
    this.drawing = 0;
    /** @type {number[]} arrivals of the last five seconds */
    this.arrivals = [];
    this.ages = /** @type {number[]} */ ([]);
    this.beats = 0;
    this.build(code);
    this.ticker = setInterval(() => this.figures(), 1000);
  }

  /** @param {HTMLElement} code */
  build(code) {
    this.pill = el("span", { class: "pill", id: "state", role: "status", "data-state": "idle", text: "not open" });
    this.word = el("span", { class: "soft", id: "word" });
    this.count = el("b", { id: "count", text: "0" });
    this.rate = el("b", { text: "0" });
    this.late = el("b", { text: "–" });
    this.lastID = el("b", { class: "mono", id: "last-id", text: "–" });
    this.verdict = el("div", { class: "verdict", id: "verdict", role: "status", hidden: true });
    this.filter = el("input", { type: "search", id: "filter", placeholder: "Filter", "aria-label": "Filter events", autocomplete: "off", spellcheck: "false" });
    const sift = () => { this.list.words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean); this.draw(); };
    this.filter.addEventListener("input", sift);
    this.filter.addEventListener("keydown", (/** @type {KeyboardEvent} */ e) => {
      if (e.key !== "Escape") return;
      this.filter.value = "";
      sift();
    });
    this.pauser = el("button", { type: "button", class: "quiet", id: "pause", "aria-pressed": "false", text: "Pause", onclick: () => this.pause(!this.list.paused) });
    const clear = el("button", { type: "button", class: "quiet", text: "Clear", onclick: () => { this.ring.clear(); this.pause(false); this.draw(); } });
    this.modes = this.choice("Show", [["data", "Data"], ["diff", "Difference"], ["raw", "Raw"]], (mode) => { this.list.mode = mode; this.draw(); });
    this.none = el("p", { class: "none" });
    this.keys = el("select", { id: "key", "aria-label": "Key" });
    this.keys.addEventListener("change", () => this.rekey(this.keys.value));
    this.more = el("p", { class: "soft small" });
    this.views = new Map([
      ["events", el("div", {}, el("div", { class: "bar" }, this.modes, this.filter, this.pauser, clear), this.none, this.list.node, this.more)],
      ["table", el("div", { hidden: true }, el("div", { class: "bar" }, el("label", { class: "soft", for: "key", text: "Newest event by" }), this.keys), this.table.node)],
      ["code", el("div", { hidden: true }, code)],
      ["message", el("div", { hidden: true }, message(this.detail))],
    ]);
    this.tabs = this.tablist();
    this.node = el("section", { class: "card stream", "aria-label": "Stream" },
      el("header", { class: "figures" }, el("div", { class: "now" }, this.pill, this.word),
        el("dl", {}, ...[["events", this.count], ["per second", this.rate], ["age, median", this.late], ["last id", this.lastID]].map(([name, node]) =>
          el("div", {}, el("dt", { text: name }), el("dd", {}, node))))),
      this.verdict, this.tabs, ...[...this.views].map(([name, view]) => {
        view.id = `view-${name}`;
        view.setAttribute("role", "tabpanel");
        view.setAttribute("aria-labelledby", `tab-${name}`);
        return view;
      }));
    this.draw();
  }

  tablist() {
    const names = [["events", "Events"], ["table", "Table"], ["code", "Code"], ["message", "Message"]];
    const tabs = names.map(([name, text], i) => el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `view-${name}`,
      "aria-selected": String(i === 0), tabindex: i === 0 ? "0" : "-1", text, onclick: () => pick(i) }));
    const pick = (/** @type {number} */ at) => {
      names.forEach(([name], i) => {
        tabs[i].setAttribute("aria-selected", String(i === at));
        tabs[i].tabIndex = i === at ? 0 : -1;
        this.views.get(name).hidden = i !== at;
      });
      if (names[at][0] === "code") this.shown();
      this.draw();
    };
    return el("div", { class: "tabs", role: "tablist", "aria-label": "Views", onkeydown: (/** @type {KeyboardEvent} */ e) => {
      const from = tabs.indexOf(/** @type {any} */ (document.activeElement));
      const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: -1 }[e.key];
      if (to === undefined) return;
      const at = (to + tabs.length) % tabs.length;
      pick(at);
      tabs[at].focus();
      e.preventDefault();
    } }, ...tabs);
  }

  /** @param {string} label @param {string[][]} options @param {(value: string) => void} picked */
  choice(label, options, picked) {
    const buttons = options.map(([value, text], i) => el("button", { type: "button", id: `mode-${value}`, "aria-pressed": String(i === 0), text, onclick: () => {
      for (const b of buttons) b.setAttribute("aria-pressed", String(b === buttons[i]));
      picked(value);
    } }));
    return el("div", { class: "choice", role: "group", "aria-label": label }, ...buttons);
  }

  running() { return this.state === "open" || this.state === "connecting" || this.state === "waiting"; }

  /** The names that events may have. */
  names() { return [...this.detail.event_names, ...this.seen]; }

  /** @param {any} request */
  open(request) {
    this.ring = new Ring();
    this.list.ring = this.ring;
    this.rekey(this.picked);
    this.pause(false);
    this.ages = [];
    this.arrivals = [];
    this.beats = 0;
    this.verdict.hidden = true;
    this.stream = new Stream(request, {
      state: (state, word) => this.become(state, word), block: (block) => this.take(block), comment: () => { this.beats++; }, end: (status) => this.end(status),
    });
  }

  stop() { this.stream?.stop(); }

  leave() {
    this.stop();
    clearInterval(this.ticker);
    clearTimeout(this.drawing);
  }

  /** @param {string} state @param {string} word */
  become(state, word) {
    this.state = state;
    this.pill.dataset.state = state;
    this.pill.textContent = words.get(state);
    this.word.textContent = word;
    if (state === "open") this.verdict.hidden = true;
    this.changed(this.running());
    this.draw();
  }

  /** @param {any} status */
  end(status) {
    const code = status.status || (status.code !== undefined ? `code ${status.code}` : "");
    fill(this.verdict, el("b", { text: String(code || "The answer") }), " ", String(status.message || "").slice(0, 2000),
      el("span", { class: "soft", text: [status.reason && `ended by ${status.reason}`, status.retry === true && "the browser comes back", status.retry === false && "final"].filter(Boolean).map((word) => ` · ${word}`).join("") }));
    this.verdict.dataset.tone = status.code === 0 ? "good" : status.retry ? "wait" : "bad";
    this.verdict.hidden = false;
  }

  /** @param {import("./sse.js").Block} block */
  take(block) {
    const kept = this.ring.add(block);
    if (this.seen.size < 20) this.seen.add(block.name);
    this.table.add(kept);
    if (kept.block.name.startsWith("grpc-") === false) this.arrivals.push(block.at);
    if (this.arrivals.length > 20000) this.arrivals.splice(0, 10000);
    if (kept.age !== null) {
      this.ages.push(kept.age);
      if (this.ages.length > 200) this.ages.shift();
    }
    if (!this.drawing) this.drawing = setTimeout(() => this.draw(), drawEvery);
  }

  draw() {
    clearTimeout(this.drawing);
    this.drawing = 0;
    const shown = this.views.get("events").hidden ? 1 : this.list.render();
    this.none.hidden = shown > 0;
    this.none.textContent = this.ring.kept.length ? "No event has these words." : this.running() ? "The stream is open. No event has come yet." : "Open the stream to see its events.";
    if (!this.views.get("table").hidden) this.drawTable();
    this.more.textContent = this.ring.dropped ? `The page keeps the newest ${this.ring.kept.length} events, and lists ${mostRows} of them.` : "";
    this.figures();
  }

  drawTable() {
    if (this.keys.options.length !== this.table.paths.size) {
      fill(this.keys, ...[...this.table.paths].map((path) => el("option", { value: path, text: path })));
      this.keys.value = this.table.key;
    }
    this.table.render();
  }

  /** @param {string} key */
  rekey(key) {
    this.picked = key;
    const old = this.table;
    this.table = new KeyTable(key || old.key);
    for (const kept of this.ring.kept) this.table.add(kept);
    old.node.replaceWith(this.table.node);
    this.draw();
  }

  figures() {
    const now = Date.now();
    while (this.arrivals.length && this.arrivals[0] < now - 5000) this.arrivals.shift();
    this.count.textContent = String(this.ring.events);
    this.rate.textContent = short(this.arrivals.length / 5);
    const sorted = [...this.ages].sort((a, b) => a - b);
    this.late.textContent = sorted.length ? `${Math.round(sorted[sorted.length >> 1])} ms` : "–";
    this.lastID.textContent = this.stream?.lastID || "–";
    if (this.list.paused) this.pauser.textContent = `Go on, ${short(this.ring.count - this.list.pausedAt)} new`;
  }

  /** @param {boolean} paused */
  pause(paused) {
    this.list.pause(paused);
    this.pauser.setAttribute("aria-pressed", String(paused));
    this.pauser.textContent = "Pause";
    this.draw();
  }
}

/** The documentation of the message. @param {any} detail */
function message(detail) {
  if (!detail.message.length) return el("p", { class: "none", text: "The type of the message is not known." });
  return el("dl", { class: "members" }, ...detail.message.flatMap((/** @type {any} */ m) => [
    el("dt", {}, el("code", { text: m.name }), el("span", { class: "kind", text: m.type }), m.oneof ? el("span", { class: "tag", text: `one of ${m.oneof}` }) : null,
      m.deprecated ? el("span", { class: "tag bad", text: "deprecated" }) : null),
    el("dd", { text: flow(m.doc || "") })]));
}
