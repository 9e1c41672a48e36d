// @ts-check

import { part } from "./part.js";

/** How long a button may take, in milliseconds, before the reader is told why it might not happen. */
export const patience = 3000;

/** The buttons that move the crowd and the gRPC server, and the requests behind them. */
export class Backstage {
  /**
   * @param {HTMLElement} section
   * @param {number} size how many browsers a crowd has at first; a tenth of them can be stalled
   * @param {(reason: string) => void} refused called with the reason when a button has changed nothing
   */
  constructor(section, size, refused) {
    this.size = size;
    this.refused = refused;
    const tenth = Math.max(1, Math.round(size / 10));
    part(section, ".stall b").textContent = String(tenth);
    this.double = this.#button(section, "double", "crowd/double");
    this.stall = this.#button(section, "stall", `crowd/stall?browsers=${tenth}`);
    this.kill = this.#button(section, "kill", "upstream/kill");
    this.restart = this.#button(section, "restart", "upstream/restart");
    this.enable(false);
  }

  start() {
    return this.#press(`crowd/start?browsers=${this.size}`);
  }

  stop() {
    return this.#press("crowd/stop");
  }

  /**
   * Enables what can be done.
   * @param {boolean} crowd whether there is one
   * @param {boolean} [running] whether the gRPC server is, if that is known
   */
  enable(crowd, running) {
    this.double.disabled = this.stall.disabled = !crowd;
    this.kill.disabled = running === false;
    this.restart.disabled = running === true;
  }

  /**
   * @param {HTMLElement} section
   * @param {string} name
   * @param {string} path
   */
  #button(section, name, path) {
    const button = part(section, `button.${name}`, HTMLButtonElement);
    button.addEventListener("click", () => this.#press(path));
    return button;
  }

  /** @param {string} path */
  async #press(path) {
    try {
      const answer = await fetch(`/backstage/${path}`, { method: "POST", signal: AbortSignal.timeout(patience) });
      if (!answer.ok) this.refused(`Nothing has changed: ${(await answer.text()).trim()}.`);
    } catch {
      this.refused("No answer. Over HTTP/1.1 a browser grants one host six connections: stop another stream first.");
    }
  }
}
