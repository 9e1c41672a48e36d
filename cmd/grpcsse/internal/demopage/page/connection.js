// @ts-check

/**
 * idle: never opened. stale: the bridge has lost the gRPC stream, and tries to reopen it. retrying: the browser lost the
 * stream and comes back by itself. ended: the stream ended with OK. failed: it ended with another code, for good. refused:
 * the browser has given up. stopped: the reader has.
 * @typedef {"idle" | "connecting" | "open" | "stale" | "retrying" | "ended" | "failed" | "refused" | "stopped"} State
 */

/**
 * What grpc-status says at the end of a stream.
 * @typedef {{code: number, status: string, message: string, retry: boolean, reason: string}} Status
 */

/**
 * @typedef {object} Listener
 * @property {(state: State) => void} state called when the state has changed
 * @property {(event: MessageEvent<string>) => void} event called with every event, grpc-status too
 * @property {(status: Status) => void} status called with what grpc-status says
 */

/** The names of the events that the bridge itself sends. */
const bridgeEvents = ["grpc-status", "grpc-end", "grpc-reset", "grpc-cursor", "grpc-stale", "grpc-live"];

/** One plain EventSource that can be opened again and again, and what became of it. */
export class Connection {
  /** @type {State} */ state = "idle";
  /** Where the stream can resume. */
  lastEventId = "";
  /** How often the stream was opened, by the browser itself too. */
  opened = 0;
  /** @type {EventSource | undefined} */ #source;

  /**
   * @param {string[]} names the names of the events to listen to, besides nameless ones and those of the bridge
   * @param {Listener} listener
   */
  constructor(names, listener) {
    this.names = [...names, ...bridgeEvents];
    this.listener = listener;
  }

  /** Whether the browser holds a connection, or is about to. */
  get active() {
    return this.#source !== undefined;
  }

  /** @param {string} url */
  open(url) {
    this.#source?.close();
    const source = new EventSource(url);
    this.#source = source;
    this.#become("connecting");

    source.onopen = () => {
      this.opened++;
      this.#become("open");
    };
    source.onerror = () => {
      // The browser says no more than this: it comes back by itself, or it has given up.
      if (source.readyState === EventSource.CLOSED) this.#close("refused");
      else this.#become("retrying");
    };
    source.onmessage = (event) => this.#take(event);
    for (const name of this.names) source.addEventListener(name, (event) => this.#take(event));
  }

  /** Closes the stream for the reader's sake: "stopped" unless said otherwise. */
  close() {
    if (this.active) this.#close("stopped");
  }

  /** @param {MessageEvent<string>} event */
  #take(event) {
    const { type } = event;
    // An end that is final has an id for the browser's own reconnect: it is no place to resume at.
    if (type !== "grpc-status" && type !== "grpc-end") this.lastEventId = event.lastEventId;
    this.listener.event(event);
    if (type === "grpc-stale") this.#become("stale");
    if (type === "grpc-live") this.#become("open");
    if (type !== "grpc-status") return;
    /** @type {Status} */
    const status = JSON.parse(event.data);
    this.listener.status(status);
    if (!status.retry) this.#close(status.code === 0 ? "ended" : "failed");
  }

  /** @param {State} state */
  #close(state) {
    this.#source?.close();
    this.#source = undefined;
    this.#become(state);
  }

  /** @param {State} state */
  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.listener.state(state);
  }
}
