// @ts-check
// A client of event streams on fetch. Unlike EventSource it sees every byte: comments, retry, ids, and the status of an answer.
import { credentials } from "./api.js";

/** A block over this size ends the stream, so that no server fills the memory of the page. */
const longestBlock = 8 << 20;

/**
 * @typedef {{name: string, data: string, id: string | null, raw: string, bytes: number, at: number}} Block
 * @typedef {{
 *   state: (state: "connecting" | "open" | "waiting" | "ended" | "failed" | "stopped", word: string) => void,
 *   block: (block: Block) => void,
 *   comment: (text: string) => void,
 *   end: (status: any) => void,
 * }} Listener
 */

export class Stream {
  /**
   * @param {{url: string, method: string, body: string, headers: Record<string, string>, prefixed: boolean}} request
   * @param {Listener} listener
   */
  constructor(request, listener) {
    this.request = request;
    this.listener = listener;
    this.lastID = "";
    this.retry = 3000;
    this.connects = 0;
    this.stopped = false;
    /** Why it comes back, if not by the word of the server. */
    this.why = "";
    this.abort = new AbortController();
    this.run();
  }

  stop() {
    if (this.stopped) return;
    this.stopped = true;
    this.abort.abort();
    clearTimeout(this.timer);
    this.wake?.();
    this.listener.state("stopped", "closed by you");
  }

  async run() {
    while (!this.stopped) {
      /** @type {any} */
      this.status = null;
      this.why = "";
      this.connects++;
      this.listener.state("connecting", this.connects > 1 ? `connection ${this.connects}` : "");
      const again = await this.connect();
      if (this.stopped || !again) return;
      const wait = this.retry;
      this.listener.state("waiting", `${this.why}comes back in ${(wait / 1000).toFixed(1)} s`);
      await new Promise((resolve) => {
        this.wake = () => resolve(undefined);
        this.timer = setTimeout(this.wake, wait);
      });
    }
  }

  /** @returns {Promise<boolean>} whether to connect again */
  async connect() {
    const { url, method, body, headers, prefixed } = this.request;
    /** @type {Record<string, string>} */
    const sent = { Accept: "text/event-stream", ...(prefixed ? credentials() : {}) };
    for (const [name, value] of Object.entries(headers)) sent[prefixed ? `X-Console-${name}` : name] = value;
    if (this.lastID) sent["Last-Event-ID"] = this.lastID;
    if (method !== "GET") sent["Content-Type"] = "application/json";
    if (prefixed && method !== "GET") sent["X-Grpcsse-Admin"] = "1";
    let answer;
    try {
      answer = await fetch(url, {
        method, headers: sent, body: method === "GET" ? undefined : body, signal: this.abort.signal, cache: "no-store",
        credentials: prefixed ? "omit" : "same-origin",
      });
    } catch { // the browser does not say why
      if (this.stopped) return false;
      this.why = "no connection, ";
      return method === "GET" || this.over("failed", "the server cannot be reached");
    }
    if (answer.status === 204) return this.over("ended", "204: the server has no more for this id");
    if (!answer.ok || !(answer.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
      const text = (await answer.text().catch(() => "")).slice(0, 4000);
      let status = null;
      try { status = JSON.parse(text); } catch { /* plain text */ }
      this.listener.end(status && typeof status === "object" ? status : { message: text });
      return this.over("failed", `${answer.status} ${answer.statusText}`);
    }
    this.listener.state("open", this.connects > 1 ? `connection ${this.connects}` : "");
    try {
      await this.read(/** @type {ReadableStream<Uint8Array>} */ (answer.body));
    } catch (error) {
      if (this.stopped) return false;
      if (error instanceof TooLong) return this.over("failed", error.message);
      this.why = "the connection broke, ";
      return method === "GET" || this.over("failed", "the connection broke");
    }
    const status = /** @type {any} */ (this.status);
    if (status && status.retry === false) return this.over("ended", status.status || "");
    return method === "GET" || this.over("ended", status?.status || "the body has ended");
  }

  /** @param {"ended" | "failed"} state @param {string} word */
  over(state, word) {
    if (!this.stopped) this.listener.state(state, word);
    this.stopped = true;
    this.abort.abort();
    return false;
  }

  /** @param {ReadableStream<Uint8Array>} body */
  async read(body) {
    const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
    let rest = "";
    let lines = /** @type {string[]} */ ([]);
    let size = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = value.split("\n");
      parts[0] = rest + parts[0]; // a long line is not searched again with each piece
      rest = /** @type {string} */ (parts.pop());
      for (const part of parts) {
        const line = part.endsWith("\r") ? part.slice(0, -1) : part;
        size += line.length + 1;
        if (line === "") {
          if (lines.length) this.dispatch(lines, size);
          lines = [];
          size = 0;
        } else if (line.startsWith(":")) {
          this.listener.comment(line.slice(1));
        } else lines.push(line);
      }
      if (rest.length + size > longestBlock) {
        await reader.cancel();
        throw new TooLong("an event is over 8 MiB");
      }
    }
  }

  /** @param {string[]} lines @param {number} size */
  dispatch(lines, size) {
    let name = "message", id = /** @type {string | null} */ (null);
    const data = [];
    for (const line of lines) {
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event" && value) name = value;
      else if (field === "data") data.push(value);
      else if (field === "id" && !value.includes("\0")) id = value;
      else if (field === "retry" && /^\d{1,9}$/.test(value)) this.retry = Math.max(500, Number(value));
    }
    if (id !== null) this.lastID = id;
    if (!data.length) return;
    const block = { name, data: data.join("\n"), id, raw: lines.join("\n"), bytes: size, at: Date.now() };
    if (name === "grpc-status") {
      try { this.status = JSON.parse(block.data); } catch { /* not ours */ }
      if (this.status) this.listener.end(this.status);
    }
    this.listener.block(block);
  }
}

class TooLong extends Error {}
