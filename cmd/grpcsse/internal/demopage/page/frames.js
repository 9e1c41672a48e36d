// @ts-check

import { part } from "./part.js";

/** How many frames are kept. */
const kept = 12;

/**
 * The last events, written as they came over the wire. EventSource shows neither comments nor `retry:`, so they are
 * missing here; `curl -N` shows them.
 */
export class Frames {
  /** @type {string[]} */ #frames = [];
  #lastId = "";

  /** @param {HTMLDetailsElement} details */
  constructor(details) {
    this.details = details;
    this.pre = part(details, "pre");
    details.addEventListener("toggle", () => this.#render());
  }

  /** @param {MessageEvent<string>} event */
  add(event) {
    const lines = [`data: ${event.data}`];
    if (event.type !== "message") lines.unshift(`event: ${event.type}`);
    if (event.lastEventId !== this.#lastId) lines.push(`id: ${event.lastEventId}`);
    this.#lastId = event.lastEventId;
    this.#frames.push(lines.join("\n"));
    if (this.#frames.length > kept) this.#frames.shift();
    if (this.details.open) this.#render();
  }

  #render() {
    if (this.#frames.length === 0) return;
    const atEnd = this.pre.scrollTop + this.pre.clientHeight >= this.pre.scrollHeight - 24;
    part(this.pre, "code").textContent = this.#frames.join("\n\n");
    if (atEnd) this.pre.scrollTop = this.pre.scrollHeight;
  }
}
