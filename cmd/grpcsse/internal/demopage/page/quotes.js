// @ts-check

import { Chart } from "./chart.js";
import { make, part } from "./part.js";
import { percent } from "./words.js";

/** @typedef {{sequence: string, symbol: string, price: number, change: number, volume: number, time: string}} Quote */

/** How many prices a chart shows. */
const points = 48;

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
    this.chart = new Chart(points);
    const cell = make("td", "chart");
    cell.append(this.chart.element);
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
    const change = percent(this.change, price - this.change);
    this.element.className = change.startsWith("−") ? "falling" : change.startsWith("+") ? "rising" : "";
    this.cells.price.textContent = price.toFixed(2);
    this.cells.change.textContent = change;
    this.cells.volume.textContent = String(this.volume);
    this.chart.draw(this.prices, Math.min(...this.prices), Math.max(...this.prices));
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
  let cursor = 0; // the quote behind which the stream resumes, until the next one shows whether it did
  let last = 0;

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
      last = Number(quote.sequence);
      if (changed.size === 0) requestAnimationFrame(render);
      const each = row(quote.symbol);
      each.take(quote);
      changed.add(each);
    },
    state(state) {
      if (state === "retrying") cursor = last;
    },
    reset(data) {
      cursor = 0;
      for (const each of rows.values()) each.prices = [];
      verdict.replaceChildren("The exchange does not know quote ", make("b", "", data.last_event_id),
        " any more: this is a new beginning.");
    },
  };
}
