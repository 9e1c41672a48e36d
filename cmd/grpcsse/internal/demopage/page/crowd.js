// @ts-check

import { Chart } from "./chart.js";
import { House } from "./house.js";
import { make, part } from "./part.js";
import { patience, press } from "./server.js";
import { count } from "./words.js";

/**
 * How the crowd fares. Sums are text, as 64-bit integers are in ProtoJSON.
 * @typedef {object} Figures
 * @property {number} browsers
 * @property {number} connected
 * @property {number} stalled
 * @property {number} current
 * @property {number} gone
 * @property {string} deliveries
 * @property {number} deliveriesPerSecond
 * @property {Record<"gaps" | "repeats" | "disorders" | "resets" | "reconnects", string>} ledger
 * @property {{running: boolean, streams: number}} upstream
 */

/** @typedef {"good" | "bad" | "wait" | ""} Tone */

/** How many browsers come, unless the page's address says `?crowd=40`. */
const size = Math.min(1000, Math.max(10, Number(new URLSearchParams(location.search).get("crowd")) || 500));

/** How many speeds the chart shows: half a minute of them. */
const points = 60;

/** How long a reason stays, in milliseconds, before the figures have the word again. */
const stays = 4000;

/** How long the bridge may take to end all streams and to start again, in milliseconds. */
const bridgePatience = 15_000;

/**
 * A crowd of browsers on the other side of the bridge, and what they make of what they get.
 * @param {HTMLElement} section
 * @param {import("./server.js").Server} server
 * @returns {import("./box.js").View}
 */
export function crowdView(section, server) {
  const board = new Board(section);
  /** @type {(value?: unknown) => void} */ let over = () => {};
  let crowded = false;
  section.dataset.start = `Start ${size}`;

  /** @param {string} refusal */
  function refused(refusal) {
    if (refusal) board.say(refusal, "wait", stays);
  }

  /**
   * @param {string} name
   * @param {() => Promise<string>} action returns why nothing has changed, or ""
   */
  function button(name, action) {
    const found = part(section, `button.${name}`, HTMLButtonElement);
    found.addEventListener("click", async () => refused(await action()));
    return found;
  }

  const tenth = Math.max(1, Math.round(size / 10));
  part(section, ".stall b").textContent = String(tenth);
  const buttons = [
    button("double", () => press("crowd/double")),
    button("stall", () => press(`crowd/stall?browsers=${tenth}`)),
  ];
  // The figures stop while the bridge is away, because they come through the bridge.
  for (const [name, begun] of /** @type {const} */ ([
    ["restart", "The bridge ends every stream, and starts again."], ["crash", "Every connection is cut. The bridge starts again."],
  ])) {
    button(name, async () => {
      const before = crowded;
      board.say(begun, "wait", bridgePatience);
      const refusal = await press(name === "restart" ? "bridge/restart" : "bridge/kill", bridgePatience);
      if (!refusal && before) board.say("The bridge is new. Each browser brings its last id, and a short gRPC stream brings the rest.", "wait");
      else if (!refusal) board.say("The bridge is new. Streams with ids go on where they were, the others begin anew.", "good");
      return refusal;
    });
  }
  // One button, whose meaning changes: a second one would lose the keyboard's focus with each press.
  const kill = button("kill", () => server.toggle());

  /** @param {boolean} present whether there is a crowd */
  function crowd(present) {
    crowded = present;
    for (const each of buttons) each.disabled = !present;
  }
  crowd(false);

  return {
    async pressed(start) {
      if (start) return refused(await press(`crowd/start?browsers=${size}`));
      // The stream ends by itself, with the last figures: when it has, there is nothing left to stop.
      const ended = new Promise((resolve) => { over = resolve; });
      await press("crowd/stop");
      await Promise.race([ended, new Promise((resolve) => { setTimeout(resolve, patience); })]);
    },
    start() {
      board.clear();
    },
    show(/** @type {Figures} */ figures) {
      server.hear(figures.upstream.running, performance.now() - 1000); // they may have been on their way for a while
      board.show(figures);
      crowd(figures.browsers > 0);
    },
    status() {
      over();
    },
    state(state) {
      if (state !== "open") crowd(false);
      if (state === "stopped" || state === "ended") board.say("The crowd has gone home.");
    },
    server(running) {
      kill.textContent = running ? "Kill the gRPC server" : "Restart the gRPC server";
      kill.classList.toggle("dead", !running);
      if (crowded) return; // the figures say so
      if (running) board.say("The gRPC server is back.", "good");
      else board.say("The gRPC server is dead. The streams of this page wait for it.", "wait");
    },
  };
}

/** The figures, as numbers, a curve, dots and a sentence. */
class Board {
  /** @type {number[]} */ #speeds = [];
  /** Until when the sentence is not the figures'. */
  #silent = 0;

  /** @param {HTMLElement} section */
  constructor(section) {
    this.section = section;
    this.house = new House(part(section, ".house"));
    this.chart = new Chart(points);
    part(section, ".speed").append(this.chart.element);
  }

  clear() {
    this.#speeds = [];
    this.say("");
  }

  /** @param {Figures} f */
  show(f) {
    this.#figure("browsers", f.browsers);
    this.#figure("streams", f.upstream.streams);
    part(this.section, ".plural").hidden = f.upstream.streams === 1;
    this.#figure("per-second", Math.round(f.deliveriesPerSecond));
    this.#figure("deliveries", Number(f.deliveries));
    for (const [name, text] of Object.entries(f.ledger)) this.#figure(name, Number(text));
    this.#speeds.push(f.deliveriesPerSecond);
    if (this.#speeds.length > points) this.#speeds.shift();
    this.chart.draw(this.#speeds, 0, Math.max(...this.#speeds));
    this.house.seat(f);
    // The figures come from elsewhere: what the wire shows is the gRPC server that feeds the crowd.
    part(this.section, ".wire").dataset.far = f.upstream.streams > 0 ? "live" : "wait";
    if (!f.upstream.running) part(this.section, ".said").textContent = "";
    if (performance.now() > this.#silent) this.say(...judge(f));
  }

  /**
   * @param {string} text
   * @param {Tone} [tone]
   * @param {number} [stays] how long, in milliseconds, figures do not replace it
   */
  say(text, tone = "", stays = 0) {
    const verdict = part(this.section, ".verdict");
    verdict.replaceChildren(make(tone ? "b" : "span", "", text));
    verdict.dataset.tone = tone;
    this.#silent = performance.now() + stays;
  }

  /**
   * @param {string} name
   * @param {number} n
   */
  #figure(name, n) {
    part(this.section, `dd.${name}`).textContent = n.toLocaleString("en");
  }
}

/**
 * @param {Figures} f
 * @returns {[string, Tone]}
 */
function judge(f) {
  const wrong = Number(f.ledger.gaps) + Number(f.ledger.repeats) + Number(f.ledger.disorders);
  if (wrong > 0) return [`The ledger does not add up: ${count(wrong, "event")} went wrong.`, "bad"];
  if (f.gone > 0) return [`${count(f.gone, "browser")} gave up.`, "bad"];
  if (!f.upstream.running) return [`The gRPC server is dead. ${count(f.connected, "browser")} stay connected, and wait.`, "wait"];
  if (f.stalled > 0) {
    const others = f.browsers - f.stalled;
    return [`${count(f.stalled, "browser")} read nothing for now. ` +
      (f.current >= others ? `The other ${others.toLocaleString("en")} have every event.` : "Others catch up."), "wait"];
  }
  if (f.current < f.browsers) return [`${count(f.browsers - f.current, "browser")} catch up.`, "wait"];
  if (Number(f.ledger.resets) > 0) return ["Every browser has the newest event, and was told what it had to leave out.", "wait"];
  return ["Every browser has every event, once and in order.", "good"];
}
