// @ts-check

import { make, part } from "./part.js";

/**
 * A number and a hundred small squares.
 * @param {HTMLElement} section
 * @returns {import("./box.js").View}
 */
export function countView(section) {
  const grid = part(section, ".grid");
  const verdict = part(section, ".verdict");
  for (let i = 0; i < 100; i++) grid.append(make("i"));
  return {
    start() {
      verdict.replaceChildren();
    },
    show(/** @type {{count: number, goal: number}} */ update) {
      part(section, ".number").textContent = String(update.count);
      [...grid.children].forEach((cell, i) => cell.classList.toggle("on", i < update.count));
    },
    cleanedUp(note) {
      verdict.replaceChildren("Clean-up on the server: ", make("b", "", note), ".");
    },
  };
}
