/** The chart of the last minutes with its slider: goes back in time, and forward to live. */

import { setText } from "../site/dom.js";
import { rateText } from "../site/texts.js";
import { Pace, SECONDS } from "./pace.js";
import { rateAt } from "./rate.js";
import { SpokenTable } from "./spoken_table.js";
import { TimeSlider } from "./time_slider.js";
import { Timeline } from "./timeline.js";

const VIEW = "edits_per_second";

export class TimeTravel {
  #shown;
  #paintSoon;
  #timeline;
  #slider;
  #table;
  #rate = /** @type {HTMLElement} */ (document.getElementById("rate"));
  #isChartDue = true;

  /** @param {import("./shown.js").Shown} shown @param {() => void} paintSoon */
  constructor(shown, paintSoon) {
    this.#shown = shown;
    this.#paintSoon = paintSoon;
    const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById("chart"));
    this.#timeline = new Timeline(canvas);
    this.#slider = new TimeSlider(
      /** @type {HTMLInputElement} */ (document.getElementById("time")),
      document.getElementById("shown-time"),
      document.getElementById("to-live"),
      (secondsAgo) => this.#goBack(secondsAgo),
    );
    const figure = /** @type {HTMLElement} */ (canvas.closest("figure"));
    this.#table = new SpokenTable(figure, "Edits a second", ["Minute", "Edits a second"]);
    new ResizeObserver(this.#onLook).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#onLook);
  }

  /** The size or the colours have changed. */
  #onLook = () => {
    this.#timeline.measure();
    this.#isChartDue = true;
    this.#paintSoon();
  };

  /** @param {?number} secondsAgo null is live */
  #goBack(secondsAgo) {
    const live = this.#shown.liveTime;
    this.#shown.goTo(secondsAgo === null || live === null ? null : live - secondsAgo * 1000);
    this.#isChartDue = true;
    this.#paintSoon();
  }

  /** Once a second: the chart, and with it the slider, move on. */
  tick() {
    this.#shown.trim();
    this.#isChartDue = true;
    this.#paintSoon();
  }

  show() {
    const { time, liveTime, isLive } = this.#shown;
    this.#slider.show(time, liveTime, isLive);
    if (!this.#isChartDue || !Number.isFinite(time) || !Number.isFinite(liveTime)) return;
    this.#isChartDue = false;
    const rows = this.#shown.liveRows(VIEW);
    const then = isLive ? rows : this.#shown.rows(VIEW);
    setText(this.#rate, rateText(rateAt(this.#shown, then && new Pace(then, time))));
    if (rows === null) return;
    const pace = new Pace(rows, liveTime);
    this.#timeline.draw(pace, time, this.#shown.keptFrom);
    this.#table.show(() => minutesOf(pace), performance.now());
  }
}

/** The chart for screen readers: the mean of each minute, the latest first. */
function minutesOf(pace) {
  const names = [
    "the last minute",
    "2 minutes ago",
    "3 minutes ago",
    "4 minutes ago",
    "5 minutes ago",
  ];
  return names.slice(0, SECONDS / 60).flatMap((name, at) => {
    const mean = pace.mean(pace.end - 60 * (at + 1), pace.end - 60 * at);
    return mean === null ? [] : [[name, rateText(mean)]];
  });
}
