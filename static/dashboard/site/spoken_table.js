/** A table for screen readers, of what a chart shows: it changes every few seconds at most. */

import { append } from "./dom.js";

/** Milliseconds. */
const EVERY = 5_000;

export class SpokenTable {
  #body;
  #shownAt = -Infinity;

  /**
   * @param {HTMLElement} parent
   * @param {string} caption
   * @param {string[]} heads
   */
  constructor(parent, caption, heads) {
    const box = append(parent, "div", "spoken");
    const table = append(box, "table");
    append(table, "caption").textContent = caption;
    const row = append(append(table, "thead"), "tr");
    for (const head of heads) {
      const cell = append(row, "th");
      cell.setAttribute("scope", "col");
      cell.textContent = head;
    }
    this.#body = append(table, "tbody");
  }

  /**
   * Show rows of texts, of which the first names the row; not more often than every few seconds.
   *
   * @param {() => string[][]} makeRows
   * @param {number} now
   */
  show(makeRows, now) {
    if (now - this.#shownAt < EVERY) return;
    this.#shownAt = now;
    const rows = makeRows().map(([name, ...texts]) => {
      const row = document.createElement("tr");
      const head = append(row, "th");
      head.setAttribute("scope", "row");
      head.textContent = name;
      for (const text of texts) append(row, "td").textContent = text;
      return row;
    });
    this.#body.replaceChildren(...rows);
  }
}
