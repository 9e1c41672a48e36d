// @ts-check

/** How long a button may take, in milliseconds, before the reader is told why it might not happen. */
export const patience = 3000;

/**
 * Presses a button behind the stage.
 * @param {string} path
 * @param {number} [within] how long it may take, in milliseconds
 * @returns {Promise<string>} why nothing has changed, or ""
 */
export async function press(path, within = patience) {
  try {
    const answer = await fetch(`backstage/${path}`, { method: "POST", signal: AbortSignal.timeout(within) });
    return answer.ok ? "" : `Nothing has changed: ${(await answer.text()).trim()}.`;
  } catch {
    return "No answer. Over HTTP/1.1 a browser grants one host six connections, those of other tabs included.";
  }
}

/** The gRPC server behind the bridge, as far as this page knows about it. */
export class Server {
  /** Whether it is running, if that is known. @type {boolean | undefined} */ running;
  /** When this page last killed or started it. What is older says nothing. */
  #decided = -Infinity;
  #looking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #again;

  /** @param {(running: boolean) => void} changed called when it was killed or started, by this page or another */
  constructor(changed) {
    this.changed = changed;
  }

  /** Kills it, or starts it again. Returns why nothing has changed, or "". */
  async toggle() {
    const kill = this.running !== false;
    const refusal = await press(kill ? "upstream/kill" : "upstream/restart");
    if (refusal) {
      await this.look();
      return refusal;
    }
    this.#decided = performance.now();
    this.#know(!kill);
    return "";
  }

  /** Asks. */
  async look() {
    if (this.#looking) return;
    this.#looking = true;
    const asked = performance.now();
    try {
      const answer = await fetch("backstage/upstream", { signal: AbortSignal.timeout(patience) });
      if (answer.ok) this.hear((await answer.json()).running, asked);
    } catch {
      // What was known remains.
    } finally {
      this.#looking = false;
      // Another page may start it again, so soon that no stream tells.
      clearTimeout(this.#again);
      if (this.running === false) this.#again = setTimeout(() => this.look(), 2000);
    }
  }

  /**
   * @param {boolean} running
   * @param {number} since that was so at this time or later
   */
  hear(running, since) {
    if (since > this.#decided) this.#know(running);
  }

  /** @param {boolean} running */
  #know(running) {
    if (running === this.running) return;
    const first = this.running === undefined;
    this.running = running;
    if (!running) void this.look();
    if (!first || !running) this.changed(running);
  }
}
