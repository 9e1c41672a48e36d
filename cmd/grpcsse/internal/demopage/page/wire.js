// @ts-check

import { seconds, count } from "./words.js";
import { make, part } from "./part.js";

/** @typedef {import("./connection.js").State} State */
/** @typedef {import("./connection.js").Status} Status */
/** @typedef {import("./activity.js").Activity} Activity */

/** @type {Record<State, "off" | "wait" | "live">} */
const nearStates = {
  idle: "off", connecting: "wait", open: "live", stale: "live", retrying: "wait",
  ended: "off", failed: "off", refused: "off", stopped: "off",
};

/**
 * The line from the browser over the bridge to the gRPC server. Its near half is what the browser knows; its far half
 * is what is known about the gRPC server.
 */
export class Wire {
  /** The gRPC server's number of the stream behind this box, 0 for none. */
  #stream = 0;
  /** The gRPC server's numbers of all open streams of this box's method. @type {Set<number>} */ #open = new Set();
  /** That stream is gone, and the box waits for another. */
  #lost = false;
  /** The gRPC server is known to be dead. */
  #dead = false;
  /** When the reader pressed stop, for as long as nothing else happened. */
  #pressedAt = 0;

  /** @param {HTMLElement} section */
  constructor(section) {
    this.wire = part(section, ".wire");
    this.number = part(this.wire, ".number");
    this.said = part(section, ".said");
    /** The log of what happens upstream is not in the log itself. */
    this.unwatched = "instrument" in section.dataset;
    /** The box gets its events from the bridge's own process. */
    this.outlives = "outlives" in section.dataset;
    /** The bridge reopens the gRPC stream behind the browser's back. */
    this.resumes = "resumes" in section.dataset;
  }

  /** @param {State} state */
  state(state) {
    const near = nearStates[state];
    this.wire.dataset.near = near;
    if (state === "connecting") {
      this.#pressedAt = 0;
      this.#stream = 0;
      this.#open.clear();
      this.number.textContent = "gRPC";
      this.say("");
    }
    if (state === "stale") return this.lose();
    if (near === "wait") {
      if (state === "retrying" && !this.#lost) this.say("The connection is ", "lost.", " The browser comes back by itself.");
      this.#lost = state === "retrying";
      this.wire.dataset.far = "wait";
    } else if (this.unwatched || state === "idle") {
      if (state === "open") this.say("");
      this.wire.dataset.far = near;
    } else if (near === "live") {
      // The far half is live with the first event, or when the gRPC server says so.
      if (this.#lost) this.say(this.resumes ? "gRPC stream reopened." : "");
    } else if (this.#stream === 0) {
      this.wire.dataset.far = near;
    }
  }

  /** The gRPC stream is gone, and the bridge looks for another. */
  lose() {
    if (!this.#lost || !this.said.textContent) {
      this.say("gRPC stream ", "lost.", " The bridge reopens it as soon as it can; this page does nothing.");
    }
    this.#lost = true;
    this.wire.dataset.far = "wait";
  }

  /** @param {boolean} running the gRPC server was killed, or started again */
  server(running) {
    this.#dead = !running;
    if (this.outlives || !this.resumes || this.wire.dataset.near !== "live") return;
    if (!running) this.lose();
    else if (this.#lost) this.say("The gRPC server is back. ", "The bridge reopens the stream.");
  }

  /** @param {Status} status what the bridge says about the end */
  status(status) {
    if (this.outlives) return;
    this.wire.dataset.far = "off";
    this.#lost = true;
    if (status.reason !== "upstream") {
      this.say("The bridge ended the stream with ", `${status.status}.`, ` ${status.message}`);
    } else {
      this.say("gRPC stream ended with ", `${status.status}.`);
    }
  }

  /** The reader pressed stop. */
  pressed() {
    this.#pressedAt = performance.now();
  }

  /** A dot travels from the gRPC server to the browser. */
  pulse() {
    if (!this.#dead && !this.outlives && this.wire.dataset.near === "live") {
      this.wire.dataset.far = "live";
      if (this.unwatched && this.#lost) {
        this.#lost = false;
        this.say("");
      }
    }
    if (document.hidden) return;
    for (const [selector, delay] of /** @type {const} */ ([[".far", 0], [".near", 220]])) {
      if (selector === ".far" && this.wire.dataset.far !== "live") continue;
      part(this.wire, selector).animate(
        [{ left: "100%", opacity: 1 }, { left: "0%", opacity: 1 }],
        { pseudoElement: "::after", duration: 220, delay, easing: "linear" },
      );
    }
  }

  /** @param {Activity} activity */
  owns(activity) {
    return activity.stream === this.#stream;
  }

  /**
   * @param {Activity} activity
   * @param {boolean} active whether the browser holds a connection
   */
  upstream(activity, active) {
    if (activity.opened) {
      this.#open.add(activity.stream);
      // Another tab may watch the same method: a stream that is open here keeps its number.
      if (!active || (this.#stream !== 0 && !this.#lost)) return;
      return this.#adopt(activity.stream);
    }
    const end = activity.cancelled ?? activity.ended;
    if (end) this.#open.delete(activity.stream);
    if (!end || !this.owns(activity)) return;
    // The streams of a crowd are the bridge's: it may open some for a moment, for browsers that catch up.
    const [other] = this.#open;
    if (this.outlives && active && other !== undefined) return this.#adopt(other);
    const sent = ` It had sent ${count(end.messages, "message")} in ${seconds(end.after)}.`;
    if (activity.ended) {
      // The browser may know nothing of this end: what it holds goes on as soon as the bridge has another stream.
      if (this.resumes && this.wire.dataset.near === "live") return this.lose();
    }
    this.#lost = true;
    this.wire.dataset.far = "off";
    if (activity.ended) {
      return this.say("gRPC stream ended with ", `${activity.ended.code}.`, sent);
    }
    if (this.#pressedAt === 0) return this.say("gRPC stream ", "cancelled.", sent);
    const took = Math.max(1, Math.round(performance.now() - this.#pressedAt));
    this.say("gRPC stream cancelled ", `${took}\u00a0ms after you pressed stop.`, sent);
  }

  /** @param {number} stream the gRPC server's number of the stream that is behind this box from now on */
  #adopt(stream) {
    this.#stream = stream;
    this.#lost = false;
    this.wire.dataset.far = "live";
    this.number.textContent = `gRPC #${stream}`;
    this.say("gRPC stream ", `#${stream}`, " is open.");
  }

  /**
   * @param {string} text
   * @param {string} [strong]
   * @param {string} [rest]
   */
  say(text, strong = "", rest = "") {
    this.said.replaceChildren(text, make("b", "", strong), rest);
  }
}
