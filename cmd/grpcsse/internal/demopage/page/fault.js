// @ts-check

import { make, part } from "./part.js";

/**
 * A form to order a failure, and what became of each attempt.
 * @param {HTMLElement} section
 * @param {() => void} ordered called when the order has changed
 * @returns {import("./box.js").View}
 */
export function faultView(section, ordered) {
  const form = part(section, "form", HTMLFormElement);
  const messages = part(form, "input", HTMLInputElement);
  const code = part(form, "select", HTMLSelectElement);
  const list = part(section, ".attempts");
  const verdict = part(section, ".verdict");
  let attempts = 0;
  /** @type {HTMLElement | undefined} */ let current;

  form.addEventListener("input", ordered);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    part(section, ".toggle", HTMLButtonElement).click();
  });

  /** @param {number} total */
  function attempt(total) {
    if (current) return current;
    current = make("li", "", `${++attempts}.`);
    for (let i = 0; i < total; i++) current.append(make("i", "dot"));
    list.prepend(current);
    while (list.childElementCount > 3) list.lastElementChild?.remove();
    return current;
  }

  return {
    url() {
      const wanted = Math.min(12, Math.max(0, messages.valueAsNumber || 0));
      return `/fault?messages=${wanted}&code=${code.value}`;
    },
    start() {
      list.replaceChildren();
      verdict.replaceChildren();
      attempts = 0;
      current = undefined;
    },
    show(/** @type {{number: number, remaining: number}} */ beat) {
      const dots = attempt(beat.number + beat.remaining).querySelectorAll(".dot");
      dots[beat.number - 1]?.classList.add("on");
    },
    status(status) {
      const badge = make("span", "code", status.status);
      badge.dataset.retry = String(status.retry);
      badge.dataset.code = status.status;
      attempt(0).append(badge);
      current = undefined;
      verdict.dataset.tone = status.retry ? "wait" : status.code === 0 ? "good" : "bad";
      verdict.replaceChildren(
        make("b", "", status.retry ? "The browser comes back." : "The browser stops."),
        ` ${status.message ? `“${status.message}”` : ""}`,
      );
    },
    state(state) {
      const running = state === "connecting" || state === "open" || state === "retrying";
      for (const field of [messages, code]) field.disabled = running;
      if (state === "retrying" || state === "stopped") current = undefined;
    },
  };
}
