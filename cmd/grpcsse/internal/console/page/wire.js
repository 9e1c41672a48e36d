// @ts-check

import { seconds, count } from "./words.js";
import { make, part } from "./part.js";

/** @typedef {import("./connection.js").State} State */
/** @typedef {import("./activity.js").Activity} Activity */

/** @type {Record<State, "off" | "wait" | "live">} */
const nearStates = {
  idle: "off", connecting: "wait", open: "live", interrupted: "live", retrying: "wait",
  ended: "off", failed: "off", refused: "off", stopped: "off",
};

/**
 * The line from the browser over the bridge to the gRPC server. Its near half is what the browser knows; its far half
 * is what the gRPC server said about it.
 */
export class Wire {
  /** The gRPC server's number of the stream behind this box, 0 for none. */
  #stream = 0;
  /** When the reader pressed stop, for as long as nothing else happened. */
  #pressedAt = 0;

  /** @param {HTMLElement} section */
  constructor(section) {
    this.wire = part(section, ".wire");
    this.number = part(this.wire, ".number");
    this.said = part(section, ".said");
    /** The log of what happens upstream is not in the log itself. */
    this.unwatched = "instrument" in section.dataset;
  }

  /** @param {State} state */
  state(state) {
    this.wire.dataset.near = nearStates[state];
    if (state === "connecting") {
      this.#pressedAt = 0;
      this.#stream = 0;
      this.wire.dataset.far = "wait";
      this.number.textContent = "gRPC";
      this.say("");
    }
    if (state === "interrupted") {
      this.wire.dataset.far = "wait";
      this.say("gRPC stream ", "lost.", " The bridge tries to reopen it; this page need not.");
      return;
    }
    if (this.unwatched || state === "idle") {
      if (state === "open") this.say("");
      this.wire.dataset.far = nearStates[state];
      return;
    }
    if (this.#stream === 0 && nearStates[state] === "off") this.wire.dataset.far = "off";
  }

  /** The reader pressed stop. */
  pressed() {
    this.#pressedAt = performance.now();
  }

  /** A dot travels from the gRPC server to the browser. */
  pulse() {
    if (this.#stream === 0) this.wire.dataset.far = "live";
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
      // Another tab may watch the same method: a stream that is open here keeps its number.
      if (!active || (this.#stream !== 0 && this.wire.dataset.far === "live")) return;
      this.#stream = activity.stream;
      this.wire.dataset.far = "live";
      this.number.textContent = `gRPC #${activity.stream}`;
      this.say("gRPC stream ", `#${activity.stream}`, " is open.");
      return;
    }
    if (!this.owns(activity)) return;
    if (activity.cancelled) {
      this.wire.dataset.far = "off";
      const sent = ` It had sent ${count(activity.cancelled.messages, "message")} in ${seconds(activity.cancelled.after)}.`;
      if (this.#pressedAt === 0) return this.say("gRPC stream ", "cancelled.", sent);
      const took = Math.max(1, Math.round(performance.now() - this.#pressedAt));
      this.say("gRPC stream cancelled ", `${took}\u00a0ms after you pressed stop.`, sent);
    } else if (activity.ended) {
      this.wire.dataset.far = "off";
      this.say("gRPC stream ended with ", `${activity.ended.code}.`,
        ` It had sent ${count(activity.ended.messages, "message")} in ${seconds(activity.ended.after)}.`);
    }
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
