/**
 * The last minutes as a chart, and over it the slider through time.
 *
 * The chart is drawn once a second, on a canvas: a redraw costs no style and no layout.
 */

import { SECONDS, secondsOfBar } from "./pace.js";

/** The narrowest bar, with its gap, in CSS pixels. */
const NARROWEST = 4;
/** The scale of the chart follows the highest bar down by this part a second. */
const RELAX = 0.06;

export class Timeline {
  #canvas;
  #context;
  #width = 0;
  #height = 0;
  #colours = { seen: "", later: "", kept: "" };
  #scale = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  }

  /** Take the size and the colours from the page again. */
  measure() {
    const { width, height } = this.#canvas.getBoundingClientRect();
    const pixels = devicePixelRatio;
    this.#width = width;
    this.#height = height;
    this.#canvas.width = Math.round(width * pixels);
    this.#canvas.height = Math.round(height * pixels);
    this.#context.setTransform(pixels, 0, 0, pixels, 0, 0);
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.#colours = {
      seen: colour("--accent-end"),
      later: colour("--line"),
      kept: colour("--accent"),
    };
  }

  /**
   * Draw the chart.
   *
   * @param {import("./pace.js").Pace} pace at the live time, which is the right edge
   * @param {number} time that is shown; bars after it are pale
   * @param {?number} keptFrom the first time that can be shown
   * @returns {number} the edits a second of the highest bar; 0 without a bar
   */
  draw(pace, time, keptFrom) {
    const context = this.#context;
    context.clearRect(0, 0, this.#width, this.#height);
    if (this.#width === 0) return 0;
    const step = secondsOfBar(this.#width, NARROWEST);
    const bars = this.#bars(pace, step);
    const highest = Math.max(0, ...bars.map(({ mean }) => mean));
    this.#rescale(Math.max(1, highest));
    const pixels = this.#width / SECONDS;
    const base = this.#height - 4;
    const gap = pixels * step > 5 ? 1.5 : 1;
    // One path for each colour, and not one for each of 300 bars.
    const paths = { seen: new Path2D(), later: new Path2D() };
    for (const { from, mean } of bars) {
      const height = 1 + (mean / this.#scale) * (base - 3);
      const left = (from - (pace.end - SECONDS)) * pixels;
      const path = from * 1000 < time ? paths.seen : paths.later;
      path.roundRect(left, base - height, pixels * step - gap, height, [1.5, 1.5, 0, 0]);
    }
    for (const [colour, path] of Object.entries(paths)) {
      context.fillStyle = this.#colours[colour];
      context.fill(path);
    }
    this.#underline(pace, pixels, keptFrom);
    return highest;
  }

  /** Mark the part of the chart to which the slider leads. */
  #underline(pace, pixels, keptFrom) {
    const from = keptFrom === null ? pace.end : keptFrom / 1000;
    const left = Math.max(0, (from - (pace.end - SECONDS)) * pixels);
    this.#context.fillStyle = this.#colours.later;
    this.#context.fillRect(0, this.#height - 3, this.#width, 1);
    this.#context.fillStyle = this.#colours.kept;
    this.#context.fillRect(left, this.#height - 4, this.#width - left, 2.5);
  }

  #bars(pace, step) {
    const bars = [];
    const first = Math.ceil((pace.end - SECONDS) / step) * step;
    for (let from = first; from + step <= pace.end; from += step) {
      const mean = pace.mean(from, from + step);
      if (mean !== null) bars.push({ from, mean });
    }
    return bars;
  }

  #rescale(highest) {
    this.#scale = Math.max(highest, this.#scale * (1 - RELAX));
  }
}
