// @ts-check
import { ask, Refusal } from "./api.js";
import { breakable, el, fill } from "./dom.js";
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
/** Counts the pages, so that one that comes late is not shown. */
let turn = 0;

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
          el("span", {}, el("b", { text: r.rpc ? r.rpc.slice(r.rpc.lastIndexOf("/") + 1) : r.name }),
            r.shared ? el("span", { class: "tag", text: "shared" }) : null),
          r.path === `/${r.rpc}` ? null : el("small", {}, ...breakable((r.method === "GET" ? "" : r.method + " ") + r.path))),
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
  const unknown = error instanceof Refusal && error.status === 404;
  fill(main, el("div", { class: "card trouble", role: "alert" },
    el("h1", { text: unknown ? "No such route" : error instanceof Refusal ? "The bridge refused" : "The bridge did not answer" }),
    el("p", { text: String(/** @type {any} */ (error)?.message || error) }),
    unknown ? el("p", { text: "The routes of an upstream come with its schema. The overview says whether the bridge has read it." }) : null,
    el("button", { type: "button", text: "Try again", onclick: () => show() })));
}

async function show() {
  const [path, query] = location.hash.split("?");
  const mine = ++turn;
  leave();
  leave = () => {};
  close();
  try {
    await load();
    const page = path === "#/route" ? await route(served, new URLSearchParams(query || "")) : overview(() => served, load);
    if (mine !== turn) return page.leave();
    leave = page.leave;
    document.title = `${page.title} – grpcsse console`;
    fill(main, ...page.nodes);
    list.querySelector("[aria-current=page]")?.scrollIntoView({ block: "nearest" }); // in a long list
  } catch (error) {
    if (mine !== turn) return;
    complain(error);
  }
  window.scrollTo(0, 0);
  if (mine > 1) main.focus({ preventScroll: true }); // the keyboard goes on in the page, and a screen reader reads it
}

/** Closes the list of routes on a phone. */
function close() {
  document.body.classList.remove("open");
  menu.setAttribute("aria-expanded", "false");
}

menu.addEventListener("click", () => {
  const open = document.body.classList.toggle("open");
  menu.setAttribute("aria-expanded", String(open));
  if (open) find.focus();
});
find.addEventListener("input", draw);
find.addEventListener("keydown", (e) => {
  if (e.key === "Enter") /** @type {HTMLElement | null} */ (list.querySelector("a"))?.click();
  if (e.key === "Escape" && find.value) {
    e.stopPropagation();
    find.value = "";
    draw();
  }
});
document.addEventListener("keydown", (e) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(/** @type {HTMLElement} */ (e.target).tagName);
  if (e.key === "/" && !typing && !e.ctrlKey && !e.metaKey) {
    e.preventDefault();
    document.body.classList.add("open");
    menu.setAttribute("aria-expanded", "true");
    find.focus();
  }
  if (e.key === "Escape" && document.body.classList.contains("open")) {
    close();
    menu.focus();
  }
});
side.addEventListener("click", (e) => {
  const link = /** @type {HTMLElement} */ (e.target).closest("a");
  if (!link) return;
  close();
  if (link.hash === location.hash) show(); // the address does not change, and the form begins anew all the same
});
document.getElementById("skip")?.addEventListener("click", (e) => {
  e.preventDefault(); // the fragment of the address is the state of the page
  main.focus();
});
window.addEventListener("hashchange", () => show());
window.addEventListener("pagehide", () => leave());
window.addEventListener("pageshow", (e) => { if (e.persisted) show(); });
show();
