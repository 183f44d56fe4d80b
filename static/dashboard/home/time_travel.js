/** The chart of the last minutes with its slider: goes back in time, and forward to live. */

import { setText } from "../site/dom.js";
import { SpokenTable } from "../site/spoken_table.js";
import { rateText } from "../site/texts.js";
import { Pace, SECONDS } from "./pace.js";
import { rateAt } from "./rate.js";
import { TimeSlider } from "./time_slider.js";
import { Timeline } from "./timeline.js";

const VIEW = "edits_per_second";
/** The server is asked for the past at most so often. Milliseconds. */
const ASK_EVERY = 5_000;

export class TimeTravel {
  #shown;
  #paintSoon;
  #timeline;
  #slider;
  #table;
  #rate = /** @type {HTMLElement} */ (document.getElementById("rate"));
  #highest = /** @type {HTMLElement} */ (document.getElementById("highest"));
  #isChartDue = true;
  #askedAt = -Infinity;

  /** @param {import("./shown.js").Shown} shown @param {() => void} paintSoon */
  constructor(shown, paintSoon) {
    this.#shown = shown;
    this.#paintSoon = paintSoon;
    const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById("chart"));
    this.#timeline = new Timeline(canvas);
    const input = /** @type {HTMLInputElement} */ (document.getElementById("time"));
    for (const event of ["pointerdown", "focus"])
      input.addEventListener(event, () => this.#askForPast());
    this.#slider = new TimeSlider(
      input,
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
    if (secondsAgo !== null) this.#askForPast();
  }

  /** Have what came before this page did, or came merged, once somebody wants to go back. */
  async #askForPast() {
    const { liveTime } = this.#shown;
    if (!Number.isFinite(liveTime) || performance.now() - this.#askedAt < ASK_EVERY) return;
    this.#askedAt = Infinity; // until it is answered
    try {
      await this.#shown.fetchPast(Number(liveTime) - 1000 * SECONDS);
    } catch (error) {
      console.info(`the past reaches no further than this page: ${error.message}`);
    }
    this.#askedAt = performance.now();
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
    const pace = rows && new Pace(rows, liveTime);
    const then = isLive ? null : this.#shown.rows(VIEW);
    setText(
      this.#rate,
      rateText(rateAt(this.#shown, isLive ? pace : then && new Pace(then, time))),
    );
    if (pace === null) return;
    const highest = this.#timeline.draw(pace, time, this.#shown.keptFrom);
    setText(this.#highest, highest > 0 ? `highest: ${rateText(highest)}` : "");
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
