// @ts-check
import { el } from "./dom.js";

/** The token of the listener for administrators. It is kept in this variable only, so a reload of the page asks again. */
let token = "";

/** An answer of the bridge that is no success. */
export class Refusal extends Error {
  /** @param {string} text @param {number} status of HTTP */
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

/** @returns {Record<string, string>} */
export function credentials() {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** @param {string} path @returns {Promise<any>} */
export async function ask(path) {
  for (;;) {
    const used = token;
    const answer = await fetch(`/-/console/api/${path}`, { headers: credentials() });
    if (answer.status === 401 && (token !== used || await askToken(used !== ""))) continue;
    if (!answer.ok) {
      let text = `${answer.status} ${answer.statusText}`;
      try { text = (await answer.json()).error || text; } catch { /* the answer is no JSON */ }
      throw new Refusal(text, answer.status);
    }
    return answer.json();
  }
}

/** @type {Promise<boolean> | null} */
let asking = null;

/** @param {boolean} wrong @returns {Promise<boolean>} */
function askToken(wrong) {
  asking ??= new Promise((resolve) => {
    const input = el("input", { type: "password", autocomplete: "off", "aria-label": "Token", required: true });
    const dialog = el("dialog", { class: "ask", "aria-labelledby": "ask-title" },
      el("form", { method: "dialog" },
        el("h2", { id: "ask-title", text: "Token" }),
        el("p", { text: wrong ? "This token was refused." : "This listener has a token, in the file that server.admin.token_file names. The page keeps it until it is closed or loaded again." }),
        input,
        el("div", { class: "row" }, el("button", { class: "primary", text: "Open the console" }))));
    dialog.addEventListener("cancel", (/** @type {Event} */ e) => e.preventDefault());
    dialog.addEventListener("close", () => {
      token = input.value.trim();
      dialog.remove();
      asking = null;
      resolve(true);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}
