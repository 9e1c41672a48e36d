// @ts-check

import { Connection } from "./connection.js";
import { Frames } from "./frames.js";
import { Wire } from "./wire.js";
import { part } from "./part.js";

/** @typedef {import("./connection.js").State} State */
/** @typedef {import("./connection.js").Status} Status */
/** @typedef {import("./activity.js").Activity} Activity */

/**
 * The part of a box that only one kind of stream has.
 * @typedef {object} View
 * @property {string[]} [names] the names of the stream's events
 * @property {() => string} [url] where to connect, if that depends on what the reader chose
 * @property {(start: boolean) => Promise<void>} [pressed] the reader pressed start, or stop, which waits for this
 * @property {(resumedAt: string) => void} [start] the stream is being opened by the reader, behind an id if that is not ""
 * @property {(data: any, type: string) => void} show an event of the stream
 * @property {(data: any) => void} [reset] the stream did not resume where it was
 * @property {(status: Status) => void} [status] the stream has ended
 * @property {(state: State) => void} [state] the connection is in another state
 * @property {(note: string) => void} [cleanedUp] the method on the server has tidied up
 * @property {(running: boolean) => void} [server] the gRPC server was killed, or started again
 */

/**
 * What a box needs of the page around it.
 * @typedef {object} Page
 * @property {(box: Box) => void} changed called when the state of a box has changed
 * @property {() => string} full why no other stream can be opened, or ""
 */

/** @type {Record<State, string>} */
const words = {
  idle: "idle",
  connecting: "connecting",
  open: "open",
  stale: "stale",
  retrying: "will retry",
  ended: "ended",
  failed: "failed",
  refused: "browser gave up",
  stopped: "stopped",
};

/** How long connecting may take before the reader is told why it might not happen. */
const patience = 3000;

/** One stream on the page: its button, its state, its numbers, and the view of what arrives. */
export class Box {
  events = 0;
  #suspended = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #impatient;

  /**
   * @param {HTMLElement} section
   * @param {View} view
   * @param {Page} page
   */
  constructor(section, view, page) {
    this.section = section;
    this.view = view;
    this.page = page;
    this.title = part(section, "h2").textContent ?? "";
    this.rpc = section.dataset.rpc ?? "";
    this.wire = new Wire(section);
    this.frames = new Frames(part(section, ".frames", HTMLDetailsElement));
    this.toggle = part(section, ".toggle", HTMLButtonElement);
    this.connection = new Connection(view.names ?? [], {
      state: (state) => this.#state(state),
      event: (event) => this.#event(event),
      status: (status) => this.#status(status),
    });
    this.toggle.addEventListener("click", () => this.#press(!this.connection.active));
    this.showURL();
    this.#label();
  }

  get url() {
    return this.view.url?.() ?? this.section.dataset.url ?? "";
  }

  showURL() {
    part(this.section, ".url").textContent = this.url;
  }

  /** @param {boolean} start */
  async #press(start) {
    const full = start ? this.page.full() : "";
    if (full) return this.wire.say(full);
    const done = this.view.pressed?.(start);
    if (start) return this.start();
    await done;
    this.stop();
  }

  /** Opens the stream: behind the last id if the route can resume, else from its beginning. */
  start() {
    const cursor = "resumes" in this.section.dataset ? this.connection.lastEventId : "";
    this.view.start?.(cursor);
    const url = new URL(this.url, location.href);
    if (cursor) url.searchParams.set("last_event_id", cursor);
    this.connection.open(url.pathname + url.search);
  }

  stop() {
    this.wire.pressed();
    this.connection.close();
  }

  /** The page is going away, perhaps only into the back/forward cache, where an open stream would hold a connection. */
  suspend() {
    this.#suspended = this.connection.active;
    this.connection.close();
  }

  /** The page is back. */
  resume() {
    if (this.#suspended) this.start();
  }

  /** @param {Activity} activity something happened to a stream of this box's method */
  upstream(activity) {
    this.wire.upstream(activity, this.connection.active);
    if (activity.cleanedUp && this.wire.owns(activity)) this.view.cleanedUp?.(activity.cleanedUp.note);
  }

  /** @param {boolean} running the gRPC server was killed, or started again */
  server(running) {
    this.wire.server(running);
    this.view.server?.(running);
  }

  /** @param {State} state */
  #state(state) {
    clearTimeout(this.#impatient);
    if (state === "connecting") {
      this.#impatient = setTimeout(() => this.wire.say(
        "Still waiting. Over HTTP/1.1 a browser grants one host six connections, those of other tabs included.",
      ), patience);
    }
    const pill = part(this.section, ".state");
    pill.dataset.state = state;
    part(pill, "span").textContent = words[state];
    part(this.section, ".connects").textContent = String(this.connection.opened);
    this.wire.state(state);
    this.view.state?.(state);
    this.#label();
    this.page.changed(this);
  }

  #label() {
    const { active } = this.connection;
    this.toggle.textContent = active ? "Stop" : this.section.dataset.start ?? "Start";
    this.toggle.setAttribute("aria-label", `${this.toggle.textContent}: ${this.title}`);
    this.toggle.toggleAttribute("data-running", active);
  }

  /** @param {Status} status */
  #status(status) {
    this.wire.status(status);
    this.view.status?.(status);
  }

  /** @param {MessageEvent<string>} event */
  #event(event) {
    this.frames.add(event);
    this.wire.pulse();
    part(this.section, ".events").textContent = (++this.events).toLocaleString("en");
    part(this.section, ".last-id").textContent = this.connection.lastEventId || "none";
    if (event.type === "grpc-reset") this.view.reset?.(JSON.parse(event.data));
    else if (!event.type.startsWith("grpc-")) this.view.show(JSON.parse(event.data), event.type);
  }
}
