/** The last minute as a row of thin bars, one a second. */

import { rateOf, SECONDS } from "./pulse.js";
import { rateText } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
/** The height of the chart in its own units, and of a second without edits. */
const HEIGHT = 20;
const BASELINE = 0.4;

export class PulseChart {
  #bars;
  #rate;

  constructor(svg, rate) {
    this.#rate = rate;
    this.#bars = Array.from({ length: SECONDS }, (_, at) => {
      const bar = document.createElementNS(SVG, "rect");
      bar.setAttribute("x", at + 0.15);
      bar.setAttribute("width", 0.7);
      svg.append(bar);
      return bar;
    });
  }

  /** @param {(?number)[]} seconds as `Pulse.until` returns them */
  show(seconds) {
    const highest = Math.max(1, ...seconds);
    for (const [at, bar] of this.#bars.entries()) {
      const count = seconds[at];
      const height = count === null ? 0 : BASELINE + (count / highest) * (HEIGHT - BASELINE);
      bar.setAttribute("y", (HEIGHT - height).toFixed(2));
      bar.setAttribute("height", height.toFixed(2));
    }
    this.#rate.textContent = rateText(rateOf(seconds));
  }
}
