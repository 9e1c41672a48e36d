// @ts-check

import { Chart } from "./chart.js";
import { House } from "./house.js";
import { part } from "./part.js";
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

/** How many browsers come, unless the page's address says `?crowd=40`. A tenth of them can be stalled. */
const size = Math.min(1000, Math.max(10, Number(new URLSearchParams(location.search).get("crowd")) || 500));

/** How many speeds the chart shows: a minute of them. */
const points = 120;

/** How long a button may take before the reader is told why it might not happen. */
const patience = 3000;

/**
 * A crowd of browsers on the other side of the bridge, and what they make of what they get.
 * @param {HTMLElement} section
 * @returns {import("./box.js").View}
 */
export function crowdView(section) {
  const house = new House(part(section, ".house"));
  const chart = new Chart(points);
  const verdict = part(section, ".verdict");
  const wire = part(section, ".wire");
  /** @type {number[]} */ const speeds = [];
  /** @type {(value?: unknown) => void} */ let over = () => {};
  part(section, ".speed").append(chart.element);
  section.dataset.start = `Start ${size}`;

  /** @param {string} name @param {number} n */
  function figure(name, n) {
    part(section, `dd.${name}`).textContent = n.toLocaleString("en");
  }

  /** @param {string} text @param {"good" | "bad" | "wait" | ""} [tone] */
  function say(text, tone = "") {
    verdict.textContent = text;
    verdict.dataset.tone = tone;
  }

  /** @param {string} button @param {number} [browsers] */
  async function press(button, browsers) {
    try {
      const query = browsers ? `?browsers=${browsers}` : "";
      const answer = await fetch(`/backstage/${button}${query}`, { method: "POST", signal: AbortSignal.timeout(patience) });
      if (!answer.ok) say(`Nothing has changed: ${await answer.text()}.`, "wait");
    } catch {
      say("No answer. Over HTTP/1.1 a browser grants one host six connections: stop another stream first.", "wait");
    }
  }

  const stalled = Math.max(1, Math.round(size / 10));
  part(section, ".stall b").textContent = String(stalled);
  /** @param {string} name @param {() => Promise<void>} act */
  function button(name, act) {
    const found = part(section, `button.${name}`, HTMLButtonElement);
    found.addEventListener("click", act);
    return found;
  }
  const ofCrowd = [button("double", () => press("crowd/double")), button("stall", () => press("crowd/stall", stalled))];
  const kill = button("kill", () => press("upstream/kill"));
  const restart = button("restart", () => press("upstream/restart"));

  /** @param {boolean} crowd whether there is one @param {boolean} [running] whether the gRPC server is, if that is known */
  function enable(crowd, running) {
    for (const each of ofCrowd) each.disabled = !crowd;
    kill.disabled = running === false;
    restart.disabled = running === true;
  }
  enable(false);

  return {
    async pressed(start) {
      if (start) return press("crowd/start", size);
      // The stream ends by itself, with the last figures: when it has, there is nothing left to stop.
      const ended = new Promise((resolve) => { over = resolve; });
      await press("crowd/stop");
      await Promise.race([ended, new Promise((resolve) => { setTimeout(resolve, patience); })]);
    },
    start() {
      speeds.length = 0;
      say("");
    },
    show(/** @type {Figures} */ f) {
      figure("browsers", f.browsers);
      figure("streams", f.upstream.streams);
      figure("per-second", Math.round(f.deliveriesPerSecond));
      figure("deliveries", Number(f.deliveries));
      for (const [name, text] of Object.entries(f.ledger)) figure(name, Number(text));
      speeds.push(f.deliveriesPerSecond);
      if (speeds.length > points) speeds.shift();
      chart.draw(speeds, 0, Math.max(...speeds));
      house.seat(f);
      // The figures come from elsewhere: what the wire shows is the gRPC server that feeds the crowd.
      wire.dataset.far = f.upstream.streams > 0 ? "live" : "wait";
      if (!f.upstream.running) part(section, ".said").textContent = "";
      enable(f.browsers > 0, f.upstream.running);
      say(...judge(f));
    },
    status() {
      over();
    },
    state(state) {
      if (state === "open") return;
      enable(false);
      if (state === "stopped" || state === "ended") say("The crowd has gone home.");
    },
  };
}

/**
 * @param {Figures} f
 * @returns {[string, "good" | "bad" | "wait" | ""]}
 */
function judge(f) {
  const wrong = Number(f.ledger.gaps) + Number(f.ledger.repeats) + Number(f.ledger.disorders);
  if (wrong > 0) return [`The ledger does not add up: ${count(wrong, "event")} went wrong.`, "bad"];
  if (!f.upstream.running) return [`The gRPC server is dead. ${count(f.connected, "browser")} stay connected, and wait.`, "wait"];
  if (f.stalled > 0) return [`${count(f.stalled, "browser")} read nothing. The others do not notice.`, "wait"];
  if (f.current < f.browsers) return [`${count(f.browsers - f.current, "browser")} catch up.`, "wait"];
  return ["Every browser has every event, once and in order.", "good"];
}
