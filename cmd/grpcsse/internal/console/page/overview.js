// @ts-check
import { ask } from "./api.js";
import { chart } from "./chart.js";
import { ago, breakable, bytes, clock, el, fill, patch, short, svg } from "./dom.js";

const places = 120; // the samples of ten minutes
const every = 2000;

/** What the reasons of ends mean, in the order in which they are listed. @type {Map<string, string>} */
const reasons = new Map([
  ["gone", "the client left"], ["upstream", "the upstream ended it"], ["max_age", "reached its age"], ["slow", "too slow"],
  ["limit", "over a limit"], ["auth", "not allowed"], ["token_expired", "token expired"], ["revoked", "revoked"],
  ["drain", "shutting down"], ["shed", "shed"], ["message", "unusable message"], ["request", "unfit request"],
  ["route", "route out of order"],
]);

/** @param {() => any} served @param {() => Promise<void>} reload reads the routes again @returns {{nodes: Node[], title: string, leave: () => void}} */
export function overview(served, reload) {
  let timer = 0, over = false;
  const charts = el("div", { class: "charts" });
  const rest = el("div", { class: "panels" });
  const notes = el("div");
  const wait = el("p", { class: "note", role: "status", id: "wait", text: "Waiting for the first figures." });
  /** @type {any} */
  let before = null;
  let known = "";
  async function tick() {
    try {
      const now = await ask("overview");
      if (!over && routesOf(now) !== known) {
        await reload(); // the schema of an upstream has come, or the file has changed
        known = routesOf(now);
      }
      if (over) return;
      say(`${short(now.streams)} open ${now.streams === 1 ? "stream" : "streams"}`, "up");
      draw(now, before);
      before = now;
    } catch (error) {
      if (over) return;
      say("no answer", "down");
      wait.textContent = `The bridge does not answer: ${/** @type {Error} */ (error).message}. ${before ? `The figures are those of ${clock(new Date(before.now)).slice(0, 8)}.` : ""}`;
      wait.hidden = false;
    }
    timer = setTimeout(tick, every);
  }
  function draw(/** @type {any} */ now, /** @type {any} */ old) {
    const left = 2 - now.samples.length;
    wait.hidden = left <= 0;
    const word = `The charts have a figure every ${now.every} seconds. They begin in ${left * now.every} seconds at most.`;
    if (left > 0 && wait.textContent !== word) wait.textContent = word;
    patch(notes, el("div", {}, ...now.problems.slice(0, 20).map((/** @type {string} */ p) => el("p", { class: "note", text: p }))));
    patch(charts, el("div", { class: "charts" }, ...chartsOf(now)));
    patch(rest, el("div", { class: "panels" }, upstreamsPanel(now), endsPanel(now.samples), sharedPanel(now), routesPanel(now, old, served())));
  }
  fill(charts, ...chartsOf({ samples: [], streams: null, every: 5 }));
  tick();
  return {
    nodes: [el("h1", { class: "title", text: "Overview" }), wait, notes, charts, rest], title: "Overview",
    leave: () => { over = true; clearTimeout(timer); say("", ""); },
  };
}

/** What tells that the list of routes has changed. @param {any} now */
const routesOf = (now) => JSON.stringify([now.routes.map((/** @type {any} */ r) => r.name), now.upstreams.map((/** @type {any} */ u) => u.schema_read), now.problems]);

/** @param {any} now */
function chartsOf(now) {
  const of = (/** @type {(sample: any) => number} */ value) => now.samples.map(value);
  const total = (/** @type {any} */ counts) => Object.values(counts).reduce((a, b) => a + b, 0);
  const open = now.streams === null ? [] : [...of((x) => x.open).slice(1), now.streams].slice(-places);
  return [
    chart({ title: "Open streams", values: open, places, format: short }),
    chart({ title: "Events per second", values: of((x) => x.events / now.every), places, format: short }),
    chart({ title: "Sent per second", values: of((x) => x.bytes / now.every), places, format: bytes }),
    chart({ title: "Streams ended in 5 s", values: of((x) => total(x.ends)), places, format: short }),
    chart({ title: "Refused in 5 s", values: of((x) => total(x.refused)), places, format: short, tone: "bad" }),
  ];
}

/** @param {string} text @param {string} tone */
function say(text, tone) {
  const at = /** @type {HTMLElement} */ (document.getElementById("live"));
  at.dataset.tone = tone;
  if (at.textContent !== text) at.textContent = text;
}

/** @param {string} title @param {string} word @param {...any} children */
function panel(title, word, ...children) {
  return el("section", { class: "card panel" }, el("header", {}, el("h2", { text: title }), word ? el("span", { class: "soft", text: word }) : null), ...children);
}

/** @param {string} text */
const none = (text) => el("p", { class: "none", text });

/** @param {any} now @param {any} old @param {any} served */
function routesPanel(now, old, served) {
  const links = new Map(served.routes.map((/** @type {any} */ r) => [r.name, r]));
  const earlier = new Map((old?.routes || []).map((/** @type {any} */ r) => [r.name, r]));
  const seconds = old ? Math.max(0.5, (Date.parse(now.now) - Date.parse(old.now)) / 1000) : 0;
  const rows = [...now.routes].sort((a, b) => b.open - a.open || b.events - a.events).slice(0, 200);
  const most = Math.max(1, ...rows.map((r) => r.open));
  const node = panel("Open streams by route", `${now.routes.length} ${now.routes.length === 1 ? "route" : "routes"}`);
  node.classList.add("wide");
  node.append(rows.length ? el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Routes" }, el("table", { class: "grid" },
    el("thead", {}, el("tr", {}, ...["Route", "Open", "Upstream", "Events/s", "Log"].map((h) => el("th", { scope: "col", text: h })))),
    el("tbody", {}, ...rows.map((r) => {
      const link = /** @type {any} */ (links.get(r.name));
      const was = /** @type {any} */ (earlier.get(r.name));
      const rate = was && seconds ? Math.max(0, r.events - was.events) / seconds : null;
      const bar = meter(r.open / most);
      return el("tr", { class: link && !link.ready ? "broken" : null },
        el("th", { scope: "row" }, link ? el("a", { href: `#/route?${new URLSearchParams({ id: link.id })}` }, ...breakable(r.name)) : el("span", {}, ...breakable(r.name)),
          link?.shared ? el("span", { class: "tag", text: "shared" }) : null,
          r.failing_since ? el("span", { class: "tag bad", text: `failing ${ago(Date.parse(now.now) - Date.parse(r.failing_since))}` }) : null,
          link && !link.ready ? el("span", { class: "tag bad", text: "out of order" }) : null),
        el("td", { class: "meter" }, bar, el("span", { text: short(r.open) })),
        el("td", { text: short(r.upstream_streams) }),
        el("td", { text: rate === null ? "…" : short(rate) }),
        el("td", { text: link?.shared ? bytes(r.log_bytes) : "–" }));
    })))) : none(now.upstreams.every((/** @type {any} */ u) => u.schema_read)
    ? "There are no routes. They stand under routes in the file, and grpcsse init proposes some for a server."
    : "The routes come with the schema of an upstream, which is not read yet. This page shows them as soon as they are there."));
  return node;
}

/** @param {number} share */
function meter(share) {
  return svg("svg", { viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true", class: "bar" },
    svg("rect", { class: "rail", width: 100, height: 6 }), svg("rect", { class: "part", width: Math.min(100, share * 100), height: 6 }));
}

/** @param {any} now */
function upstreamsPanel(now) {
  return panel("Upstreams", "", now.upstreams.length ? el("ul", { class: "rows" }, ...now.upstreams.map((/** @type {any} */ u) => el("li", {},
    el("span", { class: `dot ${u.state === "up" ? "up" : u.state === "down" ? "down" : "wait"}`, "aria-hidden": "true" }),
    el("div", { class: "words" }, el("b", { text: u.name }),
      u.target === u.name ? null : el("small", { text: u.target }),
      el("small", { text: `${u.state === "down" ? "" : `${u.connections} ${u.connections === 1 ? "connection" : "connections"}, `}${u.streams} ${u.streams === 1 ? "stream" : "streams"}${u.waiting ? `, ${u.waiting} waiting` : ""}` })),
    el("div", { class: "right" }, el("b", { class: u.state, text: u.state }),
      el("small", { text: `for ${ago(Date.parse(now.now) - Date.parse(u.since))}` }),
      u.schema_read ? null : el("small", { class: "down", text: "no schema yet" }))))) : none("All streams come from this program."));
}

/** @param {any[]} samples */
function endsPanel(samples) {
  /** @type {Map<string, {ends: number, refused: number}>} */
  const counted = new Map();
  for (const s of samples) {
    for (const kind of /** @type {("ends" | "refused")[]} */ (["ends", "refused"])) {
      for (const [reason, n] of Object.entries(s[kind])) {
        const row = counted.get(reason) || { ends: 0, refused: 0 };
        row[kind] += /** @type {number} */ (n);
        counted.set(reason, row);
      }
    }
  }
  const order = [...counted].sort((a, b) => b[1].ends + b[1].refused - a[1].ends - a[1].refused);
  const most = Math.max(1, ...order.map(([, n]) => n.ends + n.refused));
  return panel("Ends by reason", "last ten minutes", order.length ? el("ul", { class: "bars" }, ...order.map(([reason, n]) => el("li", {},
    el("span", { text: reasons.get(reason) || reason, title: reason }), meter((n.ends + n.refused) / most),
    el("b", { text: short(n.ends + n.refused) }),
    n.refused ? el("small", { class: "soft", text: `${short(n.refused)} refused` }) : null))) : none("No stream has ended."));
}

/** @param {any} now */
function sharedPanel(now) {
  const rest = now.shared_count - now.shared.length;
  return panel("Shared streams", now.shared_count ? `${short(now.shared_count)} with subscribers` : "", now.shared.length ? el("ul", { class: "rows" },
    ...now.shared.map((/** @type {any} */ s) => el("li", {},
      el("div", { class: "words" }, el("b", { text: s.route }), el("small", {}, el("code", { text: s.key.slice(0, 12), title: "the digest of its request" }), ` since ${ago(Date.parse(now.now) - Date.parse(s.since))}`)),
      el("div", { class: "right" }, el("b", { text: short(s.subscribers) }), el("small", { text: s.subscribers === 1 ? "subscriber" : "subscribers" })))),
    rest > 0 ? el("li", { class: "soft", text: `and ${rest} more` }) : null) : none("No shared stream has subscribers."));
}
