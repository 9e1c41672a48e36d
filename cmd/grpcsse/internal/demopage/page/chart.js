// @ts-check

const svg = "http://www.w3.org/2000/svg";

/** A line over an area, as wide and as high as its place. The newest value is at the right end. */
export class Chart {
  /** @param {number} points how many values fit */
  constructor(points) {
    this.points = points;
    this.element = document.createElementNS(svg, "svg");
    this.element.setAttribute("class", "trace");
    this.element.setAttribute("viewBox", "0 0 100 36");
    this.element.setAttribute("preserveAspectRatio", "none");
    this.element.setAttribute("aria-hidden", "true");
    this.area = document.createElementNS(svg, "polygon");
    this.trace = document.createElementNS(svg, "polyline");
    this.element.append(this.area, this.trace);
  }

  /**
   * @param {number[]} values at most as many as fit, oldest first
   * @param {number} low what is at the bottom
   * @param {number} high what is at the top
   */
  draw(values, low, high) {
    const range = high - low || 1;
    const first = this.points - values.length;
    const x = (/** @type {number} */ i) => ((100 * (first + i)) / (this.points - 1)).toFixed(2);
    const trace = values.map((v, i) => `${x(i)},${(33 - (30 * (v - low)) / range).toFixed(2)}`);
    this.trace.setAttribute("points", trace.join(" "));
    this.area.setAttribute("points", `${x(0)},36 ${trace.join(" ")} 100,36`);
  }
}
