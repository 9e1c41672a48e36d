// @ts-check

import { make } from "./part.js";

/**
 * current: has the newest events. behind: is connected, and has not. stalled: reads nothing. away: has no connection.
 * @typedef {"current" | "behind" | "stalled" | "away"} Seat
 */

/** One dot for each browser of a crowd. Which dot is which browser has no meaning. */
export class House {
  /** @type {Seat[]} */ #seats = [];

  /** @param {HTMLElement} grid */
  constructor(grid) {
    this.grid = grid;
  }

  /** @param {{browsers: number, connected: number, current: number, stalled: number}} crowd */
  seat(crowd) {
    const reading = crowd.connected - crowd.stalled;
    const current = Math.min(crowd.current, reading);
    this.#fill([
      ["current", current], ["behind", reading - current], ["stalled", crowd.stalled], ["away", crowd.browsers - crowd.connected],
    ]);
  }

  /** @param {[Seat, number][]} groups */
  #fill(groups) {
    const seats = groups.flatMap(([seat, n]) => Array(n).fill(seat));
    while (this.grid.childElementCount < seats.length) this.grid.append(make("i"));
    while (this.grid.childElementCount > seats.length) this.grid.lastElementChild?.remove();
    this.grid.dataset.density = seats.length > 1000 ? "high" : seats.length > 500 ? "middle" : "low";
    seats.forEach((seat, i) => {
      if (seat !== this.#seats[i]) this.grid.children[i].className = seat;
    });
    this.#seats = seats;
  }
}
