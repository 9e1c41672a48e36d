// @ts-check
import { ask } from "./api.js";
import { copy, el, fill } from "./dom.js";
import { doc, Form } from "./form.js";
import { Panel } from "./panel.js";
import * as snippets from "./snippets.js";

/**
 * Shows a route: its documentation, its form and its stream.
 * @param {HTMLElement} main @param {any} served @param {URLSearchParams} state @returns {Promise<() => void>}
 */
export async function route(main, served, state) {
  const detail = await ask(`route?${new URLSearchParams({ id: state.get("id") || "" })}`);
  const form = new Form(detail, state, () => changed());
  const headers = new Headers(detail);
  const target = el("code", { class: "target", id: "target" });
  const go = el("button", { type: "submit", class: "primary", id: "go", text: "Open the stream" });
  const code = el("div", { class: "code" });
  const panel = new Panel(detail, (running) => {
    go.textContent = running ? "Close the stream" : "Open the stream";
    go.classList.toggle("stop", running);
  }, code);

  const publicURL = () => `${origin(served)}${form.target()}`;
  function changed() {
    target.textContent = form.target();
    const text = `#/route?${form.state()}`;
    if (text.length < 8000) history.replaceState(null, "", text);
    fill(code, ...[
      ["curl", snippets.curl(detail, publicURL(), form.body?.value || "", headers.read())],
      ["EventSource", snippets.eventSource(detail, publicURL(), panel.names())],
      ["YAML", snippets.config(detail)],
    ].map(([title, text]) => el("section", {}, el("header", {}, el("h3", { text: title }),
      el("button", { type: "button", class: "quiet", text: "Copy", onclick: (/** @type {any} */ e) => copy(text, e.currentTarget) })), el("pre", { tabindex: "0", text }))));
  }
  headers.changed = changed;
  panel.shown = changed;

  const node = el("form", { class: "card form", novalidate: true, "aria-label": "Request", onsubmit: (/** @type {Event} */ e) => {
    e.preventDefault();
    if (panel.running()) panel.stop();
    else if (form.valid()) {
      panel.open({
        url: served.streams + form.target(), method: detail.method, body: form.body?.value || "",
        headers: Object.fromEntries(headers.read()), prefixed: served.streams !== "",
      });
    }
  } },
  el("header", {}, el("h2", { text: "Request" }), el("button", { type: "button", class: "quiet", id: "link", text: "Copy link", onclick: (/** @type {any} */ e) => copy(location.href, e.currentTarget) })),
  form.node, refused(detail), headers.node,
  el("div", { class: "send" }, target, go));

  fill(main, head(detail), el("div", { class: "work" }, node, panel.node));
  changed();
  return () => panel.leave();
}

/** Where pages find the routes. @param {any} served */
function origin(served) {
  if (!served.streams) return location.origin;
  const at = served.listen.lastIndexOf(":");
  const host = served.listen.slice(0, at);
  const any = host === "" || host === "0.0.0.0" || host === "[::]";
  return `${served.tls ? "https" : "http"}://${any ? location.hostname : host}${served.listen.slice(at)}`;
}

/** @param {any} detail */
function head(detail) {
  return el("div", { class: "head" },
    el("h1", { class: "title" }, el("span", { class: "method", text: detail.method }), " ", el("span", { text: detail.path })),
    el("p", { class: "facts" },
      detail.rpc ? el("code", { text: detail.rpc }) : el("span", { text: "from this program" }),
      detail.upstream ? el("span", { text: `on ${detail.upstream}` }) : null,
      detail.shared ? el("span", { class: "tag", text: "shared" }) : null,
      detail.deprecated ? el("span", { class: "tag bad", text: "deprecated" }) : null),
    doc(detail.doc), detail.doc ? null : doc(detail.service_doc),
    detail.problem ? el("div", { class: "note bad", role: "alert" }, el("b", { text: "Out of order. " }), detail.problem, detail.hint ? el("span", { class: "soft", text: ` ${detail.hint}` }) : null) : null);
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
  /** @param {any} detail */
  constructor(detail) {
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
