// @ts-check
import { ask } from "./api.js";
import { el, fill } from "./dom.js";
import { overview } from "./overview.js";
import { route } from "./route.js";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const side = /** @type {HTMLElement} */ (document.getElementById("side"));
const list = /** @type {HTMLElement} */ (document.getElementById("routes"));
const find = /** @type {HTMLInputElement} */ (document.getElementById("find"));
const menu = /** @type {HTMLElement} */ (document.getElementById("menu"));

/** The routes, and where they are served. @type {any} */
let served = { routes: [], streams: "", listen: "", tls: false };
/** Closes the page that is shown. */
let leave = () => {};
let shown = "";

/** @param {string} id */
export const linkTo = (id) => `#/route?${new URLSearchParams({ id })}`;

function draw() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = served.routes.filter((/** @type {any} */ r) =>
    words.every((w) => `${r.name} ${r.method} ${r.path} ${r.rpc} ${r.doc || ""}`.toLowerCase().includes(w)));
  /** @type {Map<string, any[]>} */
  const groups = new Map();
  for (const r of found) {
    const service = r.rpc ? r.rpc.slice(0, r.rpc.lastIndexOf("/")) : "in this program";
    groups.set(service, [...(groups.get(service) || []), r]);
  }
  const current = new URLSearchParams(location.hash.split("?")[1] || "").get("id");
  fill(list, ...[...groups].map(([service, routes]) => el("section", {},
    el("h2", { text: service, title: service }),
    el("ul", {}, ...routes.map((r) => el("li", {},
      el("a", { href: linkTo(r.id), "aria-current": r.id === current ? "page" : null, title: r.problem || r.doc || r.path },
        el("span", { class: r.ready ? "dot up" : "dot down", "aria-hidden": "true" }),
        el("span", { class: "words" },
          el("b", { text: r.rpc ? r.rpc.slice(r.rpc.lastIndexOf("/") + 1) : r.name }),
          r.path === `/${r.rpc}` ? null : el("small", { text: (r.method === "GET" ? "" : r.method + " ") + r.path })),
        r.shared ? el("span", { class: "tag", text: "shared" }) : null,
        r.ready ? null : el("span", { class: "unseen", text: "out of order" }))))))),
  found.length ? null : el("p", { class: "none", text: served.routes.length ? "No route has these words." : "There are no routes yet." }));
  document.getElementById("home")?.setAttribute("aria-current", current === null ? "page" : "false");
}

async function load() {
  served = await ask("routes");
  draw();
}

/** @param {unknown} error */
function complain(error) {
  fill(main, el("div", { class: "card trouble" }, el("h1", { text: "The bridge did not answer" }),
    el("p", { text: String(/** @type {any} */ (error)?.message || error) }),
    el("button", { type: "button", text: "Try again", onclick: () => show(true) })));
}

/** @param {boolean} [again] */
async function show(again = false) {
  const [path, query] = location.hash.split("?");
  const parameters = new URLSearchParams(query || "");
  const place = path === "#/route" ? `route ${parameters.get("id")}` : "overview";
  if (place === shown && !again) return;
  leave();
  leave = () => {};
  shown = place;
  document.body.classList.remove("open");
  menu.setAttribute("aria-expanded", "false");
  try {
    await load();
    if (place === "overview") leave = overview(main, () => served);
    else leave = await route(main, served, parameters);
    if (place !== shown) leave();
  } catch (error) {
    complain(error);
  }
  window.scrollTo(0, 0);
}

menu.addEventListener("click", () => {
  const open = document.body.classList.toggle("open");
  menu.setAttribute("aria-expanded", String(open));
  if (open) find.focus();
});
find.addEventListener("input", draw);
find.addEventListener("keydown", (e) => {
  if (e.key === "Enter") /** @type {HTMLElement | null} */ (list.querySelector("a"))?.click();
});
document.addEventListener("keydown", (e) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(/** @type {HTMLElement} */ (e.target).tagName);
  if (e.key === "/" && !typing && !e.ctrlKey && !e.metaKey) {
    e.preventDefault();
    document.body.classList.add("open");
    find.focus();
  }
  if (e.key === "Escape" && document.body.classList.contains("open")) {
    document.body.classList.remove("open");
    menu.setAttribute("aria-expanded", "false");
    menu.focus();
  }
});
side.addEventListener("click", (e) => {
  if (/** @type {HTMLElement} */ (e.target).closest("a")) document.body.classList.remove("open");
});
window.addEventListener("hashchange", () => show());
window.addEventListener("pagehide", () => leave());
window.addEventListener("pageshow", (e) => { if (e.persisted) show(true); });
show();
