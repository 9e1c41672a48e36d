// @ts-check

import { make, part } from "./part.js";

/** @typedef {{sequence: string, symbol: string, price: number, change: number, volume: number, time: string}} Quote */

/** How many prices a chart shows. */
const points = 48;
const svg = "http://www.w3.org/2000/svg";

/** One line of the table. */
class Row {
  /** @type {number[]} */ prices = [];
  change = 0;
  volume = 0;

  /** @param {string} symbol */
  constructor(symbol) {
    this.element = make("tr");
    const name = make("th", "", symbol);
    name.setAttribute("scope", "row");
    this.chart = document.createElementNS(svg, "svg");
    this.chart.setAttribute("viewBox", "0 0 100 36");
    this.chart.setAttribute("preserveAspectRatio", "none");
    this.chart.setAttribute("aria-hidden", "true");
    this.area = document.createElementNS(svg, "polygon");
    this.trace = document.createElementNS(svg, "polyline");
    this.chart.append(this.area, this.trace);
    const cell = make("td", "chart");
    cell.append(this.chart);
    this.cells = { price: make("td", "price"), change: make("td", "change"), volume: make("td", "volume") };
    this.element.append(name, cell, this.cells.price, this.cells.change, this.cells.volume);
  }

  /** @param {Quote} quote */
  take(quote) {
    this.prices.push(quote.price);
    if (this.prices.length > points) this.prices.shift();
    this.change = quote.change;
    this.volume = quote.volume;
  }

  render() {
    const price = this.prices[this.prices.length - 1] ?? 0;
    const sign = this.change < 0 ? "−" : "+";
    const percent = (100 * Math.abs(this.change)) / (price - this.change);
    this.element.className = this.change < 0 ? "falling" : "rising";
    this.cells.price.textContent = price.toFixed(2);
    this.cells.change.textContent = `${sign}${percent.toFixed(2)} %`;
    this.cells.volume.textContent = String(this.volume);

    const low = Math.min(...this.prices);
    const range = Math.max(...this.prices) - low || 1;
    const first = points - this.prices.length;
    const trace = this.prices.map((p, i) =>
      `${((100 * (first + i)) / (points - 1)).toFixed(2)},${(33 - (30 * (p - low)) / range).toFixed(2)}`);
    this.trace.setAttribute("points", trace.join(" "));
    this.area.setAttribute("points", `${((100 * first) / (points - 1)).toFixed(2)},36 ${trace.join(" ")} 100,36`);
  }
}

/**
 * A table with the newest quote of each symbol and a chart of those before it.
 * @param {HTMLElement} section
 * @returns {import("./box.js").View}
 */
export function quotesView(section) {
  const body = part(section, "tbody", HTMLTableSectionElement);
  const verdict = part(section, ".verdict");
  /** @type {Map<string, Row>} */ const rows = new Map();
  /** @type {Set<Row>} */ const changed = new Set();
  let cursor = 0;

  /** @param {string} symbol */
  function row(symbol) {
    let found = rows.get(symbol);
    if (!found) {
      found = new Row(symbol);
      rows.set(symbol, found);
      body.append(...[...rows.keys()].sort().flatMap((key) => rows.get(key)?.element ?? []));
    }
    return found;
  }

  function render() {
    for (const each of changed) each.render();
    changed.clear();
  }

  return {
    start(resumedAt) {
      cursor = Number(resumedAt);
      verdict.replaceChildren();
    },
    show(/** @type {Quote} */ quote) {
      if (cursor !== 0) {
        const lost = Number(quote.sequence) - cursor - 1;
        verdict.replaceChildren("Resumed behind quote ", make("b", "", String(cursor)),
          lost === 0 ? ": nothing was lost." : `: ${lost} were lost.`);
        cursor = 0;
      }
      if (changed.size === 0) requestAnimationFrame(render);
      const each = row(quote.symbol);
      each.take(quote);
      changed.add(each);
    },
    reset(data) {
      cursor = 0;
      for (const each of rows.values()) each.prices = [];
      verdict.replaceChildren("The exchange does not know quote ", make("b", "", data.last_event_id),
        " any more: this is a new beginning.");
    },
  };
}
