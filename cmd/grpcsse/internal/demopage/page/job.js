// @ts-check

import { make, part } from "./part.js";

/**
 * How far a job is.
 * @param {HTMLElement} section
 * @returns {import("./box.js").View}
 */
export function jobView(section) {
  const percent = part(section, ".percent");
  const step = part(section, ".step");
  const bar = part(section, ".bar");
  const fill = part(bar, "i");
  const verdict = part(section, ".verdict");
  return {
    names: ["progress"],
    start() {
      verdict.replaceChildren();
    },
    show(/** @type {{progress: number, step: string}} */ job) {
      verdict.replaceChildren(); // the browser may have come back after an end
      part(section, ".unit").hidden = false;
      percent.textContent = String(job.progress);
      step.textContent = job.step;
      bar.setAttribute("aria-valuenow", String(job.progress));
      fill.style.transform = `scaleX(${job.progress / 100})`;
    },
    status(status) {
      verdict.dataset.tone = status.code === 0 ? "good" : "bad";
      verdict.replaceChildren(make("b", "", status.status),
        status.code === 0 ? ": the stream is over, and the browser stays away." : `: ${status.message}`);
    },
    state(state) {
      if (state === "stopped") {
        step.textContent = "abandoned";
      }
    },
  };
}
