// @ts-check

import { Backstage, patience } from "./backstage.js";
import { Chart } from "./chart.js";
import { House } from "./house.js";
import { make, part } from "./part.js";
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

/** How many speeds the chart shows: a minute of them. */
const points = 120;

/** How long a reason stays, in milliseconds, before the figures have the word again. */
const stays = 4000;

/**
 * A crowd of browsers on the other side of the bridge, and what they make of what they get.
 * @param {HTMLElement} section
 * @returns {import("./box.js").View}
 */
export function crowdView(section) {
  const board = new Board(section);
  const backstage = new Backstage(section, size, (reason) => board.say(reason, "wait", stays));
  /** @type {(value?: unknown) => void} */ let over = () => {};
  section.dataset.start = `Start ${size}`;
  return {
    async pressed(start) {
      if (start) return backstage.start();
      // The stream ends by itself, with the last figures: when it has, there is nothing left to stop.
      const ended = new Promise((resolve) => { over = resolve; });
      await backstage.stop();
      await Promise.race([ended, new Promise((resolve) => { setTimeout(resolve, patience); })]);
    },
    start() {
      board.clear();
    },
    show(/** @type {Figures} */ figures) {
      board.show(figures);
      backstage.enable(figures.browsers > 0, figures.upstream.running);
    },
    status() {
      over();
    },
    state(state) {
      if (state !== "open") backstage.enable(false);
      if (state === "stopped" || state === "ended") board.say("The crowd has gone home.");
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
  if (!f.upstream.running) return [`The gRPC server is dead. ${count(f.connected, "browser")} stay connected, and wait.`, "wait"];
  if (f.stalled > 0) {
    const others = f.current >= f.browsers - f.stalled ? "The others do not notice." : "Others catch up.";
    return [`${count(f.stalled, "browser")} read nothing. ${others}`, "wait"];
  }
  if (f.current < f.browsers) return [`${count(f.browsers - f.current, "browser")} catch up.`, "wait"];
  if (Number(f.ledger.resets) > 0) return ["Every browser has the newest event, and was told what it had to leave out.", "wait"];
  return ["Every browser has every event, once and in order.", "good"];
}
