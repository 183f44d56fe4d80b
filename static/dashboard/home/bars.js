/** A bar chart of counts by name, as a list whose bars move to their ranks. */

import { append, setText } from "../site/dom.js";
import { SpokenTable } from "../site/spoken_table.js";
import { Motion } from "./motion.js";
import { RankedList } from "./ranked_list.js";
import { ranking } from "./ranking.js";
import { SettledOrder } from "./settled_order.js";

/** A bar gets another length when it differs by this part of the longest. */
const STEP = 0.004;
/** One that is on its way gets its next target when it is there, unless that differs by so much. */
const LEAP = 0.04;

/**
 * @template Row
 * @typedef {object} BarsOptions
 * @property {number} size how many bars are shown
 * @property {number} settle milliseconds between two changes of the order
 * @property {(row: Row) => ?string} nameOf what identifies a bar
 * @property {(row: Row) => number | bigint} countOf
 * @property {(row: Row, total: number) => string} label the figure beside a bar
 * @property {(element: HTMLElement, row: Row) => void} describe fills in the name, which is fixed
 * @property {(row: Row) => string} speak the name as plain text
 * @property {string} caption of the table for screen readers
 * @property {string[]} heads of its columns: the name and the figure
 */

export class Bars {
  #options;
  #list;
  #order;
  #table;
  #total = 0;

  /** @param {HTMLElement} list @param {BarsOptions<any>} options */
  constructor(list, options) {
    this.#options = options;
    this.#order = new SettledOrder(options.settle);
    list.setAttribute("aria-hidden", "true"); // the table has the same, in one piece
    this.#list = new RankedList(list, {
      size: options.size,
      create: (element, bar) => this.#create(element, bar),
      update: (parts, bar, rank) => this.#update(parts, bar, rank),
    });
    const parent = /** @type {HTMLElement} */ (list.parentElement);
    this.#table = new SpokenTable(parent, options.caption, options.heads);
  }

  /**
   * @param {readonly any[]} rows
   * @param {number} now
   * @param {boolean} isAtOnce whether the order must be the true one now
   * @returns {number} how many rows there are
   */
  show(rows, now, isAtOnce) {
    const { nameOf, countOf, size, label, speak } = this.#options;
    const bars = ranking(rows, nameOf, countOf);
    const total = rows.reduce((sum, row) => sum + Number(countOf(row)), 0);
    const top = bars.slice(0, size);
    const keys = this.#order.next(
      top.map(({ key }) => key),
      now,
      isAtOnce,
    );
    this.#total = total;
    this.#list.show(keys, new Map(bars.map((bar) => [bar.key, bar])));
    this.#table.show(() => top.map(({ row }) => [speak(row), label(row, total)]), now);
    return bars.length;
  }

  #create(element, { row, share }) {
    const rank = append(element, "span", "rank");
    this.#options.describe(append(element, "span", "who"), row);
    const fill = append(append(element, "span", "track"), "span", "fill");
    const figure = append(element, "span", "count");
    return { rank, figure, fill: new Motion(fill, lengthOf, share) };
  }

  #update({ rank, figure, fill }, bar, at) {
    setText(rank, String(at + 1));
    setText(figure, this.#options.label(bar.row, this.#total));
    const off = Math.abs(fill.target - bar.share);
    if (off >= (fill.isMoving ? LEAP : STEP) || bar.share === 1) fill.moveTo(bar.share);
  }
}

/** The bar is pulled out of its track to the left, so that its end stays round. */
function lengthOf(share) {
  return `translateX(${(100 * (share - 1)).toFixed(2)}%)`;
}
