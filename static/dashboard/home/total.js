/** The number of all edits, and how many of them came while the page was open. */

import { setText } from "../site/dom.js";
import { timeText } from "../site/texts.js";
import { countText } from "./numbers.js";

export class Total {
  #figure;
  #since;
  /** The first number, and its time. @type {?{count: number | bigint, time: number}} */
  #first = null;

  /** @param {HTMLElement} figure @param {HTMLElement} since */
  constructor(figure, since) {
    this.#figure = figure;
    this.#since = since;
  }

  /**
   * @param {readonly {count: number | bigint}[]} rows
   * @param {?number} time
   * @param {boolean} isLive
   */
  show(rows, time, isLive) {
    const count = rows[0]?.count ?? null;
    setText(this.#figure, count === null ? "–" : countText(count));
    if (count === null) setText(this.#since, "");
    if (count === null || time === null) return 0;
    // A lower number now is of another history: the source has begun again.
    if (this.#first === null || (isLive && count < this.#first.count))
      this.#first = { count, time };
    if (!Number.isFinite(time)) return 1;
    const more = BigInt(count) - BigInt(this.#first.count);
    const [size, words] = more < 0n ? [-more, "fewer than when"] : [more, "since"];
    setText(this.#since, `${countText(size)} ${words} you came at ${timeText(this.#first.time)}`);
    return 1;
  }
}
