// @ts-check
import { ask } from "./api.js";
import { breakable, copy, el, fill } from "./dom.js";
import { doc, Form } from "./form.js";
import { Panel } from "./panel.js";
import { curl, publicOrigin, script } from "./snippets.js";

/** A longer state stays out of the address. The button for the link has it all the same. */
const longestState = 16_000;

/**
 * The page of a route: its documentation, its form and its stream.
 * @param {any} served @param {URLSearchParams} state @returns {Promise<{nodes: Node[], title: string, leave: () => void}>}
 */
export async function route(served, state) {
  const detail = await ask(`route?${new URLSearchParams({ id: state.get("id") || "" })}`);
  let noting = 0;
  const form = new Form(detail, state, () => changed());
  const headers = new Headers();
  const target = el("code", { class: "target", id: "target" });
  const go = el("button", { type: "submit", class: "primary", id: "go", text: "Open the stream" });
  const code = el("div", { class: "code" });
  const panel = new Panel(detail, (running) => {
    go.textContent = running ? "Close the stream" : "Open the stream";
    go.classList.toggle("stop", running);
  }, code);
  const link = () => `#/route?${form.state()}`;

  function open() {
    if (!form.valid()) return;
    panel.stop();
    panel.open({
      url: served.streams + form.target(), method: detail.method, body: form.body?.value || "",
      headers: Object.fromEntries(headers.read()), prefixed: served.streams !== "",
    });
    if (panel.node.getBoundingClientRect().top > innerHeight - 200) panel.node.scrollIntoView(); // on a phone it is below the form
  }
  function changed() {
    fill(target, ...breakable(form.target()));
    clearTimeout(noting);
    noting = setTimeout(() => {
      const here = location.hash.startsWith("#/route?") && new URLSearchParams(location.hash.split("?")[1]).get("id") === detail.id;
      if (here && link().length < longestState) history.replaceState(null, "", link());
    }, 200);
    if (!panel.views.get("code").hidden) show();
  }
  function show() {
    const { origin, connect } = publicOrigin(served, location);
    const request = {
      method: detail.method, url: origin + form.target(), connect, body: form.body?.value || "", headers: headers.read(), names: panel.names(),
    };
    fill(code, snippet("curl", curl(request)), snippet(detail.method === "GET" ? "EventSource" : "fetch", script(request)),
      snippet("YAML", detail.yaml || "# The route is defined in the program."));
  }
  headers.changed = changed;
  panel.shown = show;

  const node = el("form", { class: "card form", novalidate: true, "aria-label": "Request", onsubmit: (/** @type {Event} */ e) => {
    e.preventDefault();
    // Enter in an input asks again with the new values. The button closes what is open.
    const typed = /** @type {HTMLElement} */ (document.activeElement)?.tagName === "INPUT";
    if (panel.running() && !typed) panel.stop();
    else open();
  } },
  el("header", {}, el("h2", { text: "Request" }),
    el("button", { type: "button", class: "quiet", id: "link", text: "Copy link", onclick: (/** @type {any} */ e) => copy(new URL(link(), location.href).href, e.currentTarget) })),
  form.node, refused(detail), headers.node,
  el("div", { class: "send" }, target, go));
  changed();
  return {
    nodes: [head(detail), el("div", { class: "work" }, node, panel.node)], title: detail.path,
    leave: () => { clearTimeout(noting); panel.leave(); },
  };
}

/** @param {string} title @param {string} text */
function snippet(title, text) {
  return el("section", { "aria-label": title }, el("header", {}, el("h3", { text: title }),
    el("button", { type: "button", class: "quiet", text: "Copy", "aria-label": `Copy ${title}`, onclick: (/** @type {any} */ e) => copy(text, e.currentTarget) })),
  el("pre", { tabindex: "0", text }));
}

/** @param {any} detail */
function head(detail) {
  return el("div", { class: "head" },
    el("h1", { class: "title" }, el("span", { class: "method", text: detail.method }), " ", el("span", {}, ...breakable(detail.path))),
    el("p", { class: "facts" },
      detail.rpc ? el("code", { text: detail.rpc }) : el("span", { text: "from this program" }),
      detail.upstream ? el("span", { text: `on ${detail.upstream}` }) : null,
      detail.shared ? el("span", { class: "tag", text: "shared" }) : null,
      detail.pace ? el("span", { class: "tag", text: pace(detail.pace) }) : null,
      detail.deprecated ? el("span", { class: "tag bad", text: "deprecated" }) : null),
    doc(detail.doc), detail.doc ? null : doc(detail.service_doc),
    detail.problem ? el("div", { class: "note bad", role: "alert" }, el("b", { text: "Out of order. " }), detail.problem, detail.hint ? el("span", { class: "soft", text: ` ${detail.hint}` }) : null) : null);
}

/** @param {{every: string, newest_by?: string}} settings */
function pace({ every, newest_by }) {
  return `every ${every}${newest_by ? `, newest by ${newest_by}` : ""}`;
}

/** @param {any} detail */
function refused(detail) {
  const rows = [
    ...detail.refused.map((/** @type {any} */ f) => [f.name, f.reason]),
    ...detail.set.map((/** @type {string} */ name) => [name, "the route sets this field itself"]),
  ];
  if (!rows.length) return null;
  return el("details", { class: "refused" }, el("summary", { text: `${rows.length} ${rows.length === 1 ? "field" : "fields"} not in the form` }),
    el("dl", {}, ...rows.flatMap(([name, why]) => [el("dt", {}, el("code", { text: name })), el("dd", { text: why })])));
}

/** Headers for the route. They may be credentials, so they are in no link and are not stored. */
class Headers {
  constructor() {
    this.changed = () => {};
    this.box = el("textarea", { id: "headers", rows: "2", spellcheck: "false", autocomplete: "off", placeholder: "Authorization: Bearer …" });
    this.box.addEventListener("input", () => this.changed());
    this.node = el("details", { class: "refused" }, el("summary", { text: "Headers" }),
      el("div", { class: "field" }, el("label", { for: "headers", class: "unseen", text: "Headers, one a line" }), this.box,
        el("p", { class: "doc", text: "One a line. They are in no link, and are forgotten with the page." })));
  }

  /** @returns {[string, string][]} */
  read() {
    return this.box.value.split("\n").map((/** @type {string} */ line) => line.match(/^\s*([A-Za-z0-9-]+)\s*:\s*(.*?)\s*$/))
      .filter(Boolean).map((/** @type {any} */ m) => [m[1], m[2]]);
  }
}
