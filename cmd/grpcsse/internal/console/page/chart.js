// @ts-check
import { el, svg } from "./dom.js";

/**
 * A small chart of the last ten minutes. The newest value is at the right edge.
 * @param {{title: string, unit?: string, values: number[], places: number, format: (n: number) => string, tone?: string}} of
 */
export function chart({ title, unit = "", values, places, format, tone = "" }) {
  const width = 300, height = 64;
  const most = Math.max(...values, 1e-9);
  const top = nice(most);
  const points = values.map((v, i) => {
    const x = width - (values.length - 1 - i) * (width / (places - 1));
    return [x, height - 2 - (v / top) * (height - 8)];
  });
  const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const drawn = svg("svg", { class: "trace", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
    "aria-label": values.length ? `${title}: now ${format(values[values.length - 1])}, at most ${format(Math.max(...values))}` : title },
  svg("line", { x1: 0, x2: width, y1: 6, y2: 6, class: "grid" }),
  svg("line", { x1: 0, x2: width, y1: height - 2, y2: height - 2, class: "floor" }));
  if (points.length > 1) {
    drawn.append(
      svg("polygon", { points: `${points[0][0]},${height - 2} ${line} ${width},${height - 2}` }),
      svg("polyline", { points: line }));
  }
  return el("figure", { class: `chart ${tone}` },
    el("figcaption", {}, el("span", { text: title }), el("b", { text: values.length ? format(values[values.length - 1]) + unit : "–" })),
    el("div", { class: "plot" }, drawn, values.length > 1 ? el("span", { class: "most", text: format(top) }) : null),
    el("div", { class: "axis", "aria-hidden": "true" }, el("span", { text: "10 min ago" }), el("span", { text: "now" })));
}

/** @param {number} n */
function nice(n) {
  const power = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
  for (const step of [1, 2, 5, 10]) if (n <= step * power) return step * power;
  return n;
}
