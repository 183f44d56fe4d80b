/** The header of the table: names and types of the columns, and the order, which one click changes. */

import { append, setText } from "../site/dom.js";
import { visibleText } from "../site/safe_text.js";
import { kindOf, widthOf } from "./values.js";

const SAMPLE = 300;
const SPREAD = 1.6;

export class TableHead {
  /** @type {?import("./arrange.js").Order} */
  order = null;
  #row;
  #table;
  #onOrder;
  #columns = "";
  #hasRows = false;
  /** @type {Map<string, HTMLElement>} */
  #cells = new Map();

  /**
   * @param {HTMLElement} row
   * @param {HTMLElement} table gets the widths of the columns
   * @param {() => void} onOrder
   */
  constructor(row, table, onOrder) {
    this.#row = row;
    this.#table = table;
    this.#onOrder = onOrder;
  }

  /** The order in words. */
  get description() {
    if (this.order === null) return "Not sorted";
    return `Sorted by ${this.order.column}, ${this.order.descending ? "descending" : "ascending"}`;
  }

  /** Show the columns; their widths stay as the first rows have them, so that nothing moves. */
  show(columns, rows) {
    const text = JSON.stringify(columns);
    const isSame = text === this.#columns;
    if (isSame && (this.#hasRows || rows.length === 0)) return;
    this.#columns = text;
    this.#hasRows = rows.length > 0;
    const sample = rows.slice(0, SAMPLE);
    const widths = columns.map((column) => widthOf(column, sample));
    // Some space is shared; what is left over is at the end, so that a row can be read.
    const tracks = widths.map((width) => `minmax(${width}ch, ${width * SPREAD}ch)`);
    const sum = widths.reduce((total, width) => total + width, 0);
    this.#table.style.setProperty("--columns", `${tracks.join(" ")} minmax(0, 1fr)`);
    this.#table.style.setProperty("--width", `${sum}ch`);
    this.#table.setAttribute("aria-colcount", String(columns.length));
    if (!isSame) this.#make(columns);
  }

  #make(columns) {
    this.#row.replaceChildren();
    this.#cells.clear();
    if (!columns.some(({ name }) => name === this.order?.column)) this.order = firstOrder(columns);
    for (const { name, type } of columns) {
      const cell = append(this.#row, "div", `cell ${kindOf(type)}`);
      cell.setAttribute("role", "columnheader");
      const button = append(cell, "button");
      button.type = "button";
      button.title = `${visibleText(name)}: ${type}`;
      append(button, "bdi").textContent = visibleText(name);
      append(button, "span", "type").textContent = type;
      append(button, "span", "sign").setAttribute("aria-hidden", "true");
      button.addEventListener("click", () => this.#turn(name, type));
      this.#cells.set(name, cell);
    }
    this.#showOrder();
  }

  /** The first click on a number puts the largest first, on anything else the smallest. */
  #turn(name, type) {
    const isFirst = this.order?.column !== name;
    const descending = isFirst ? kindOf(type) === "number" : !this.order?.descending;
    this.order = { column: name, descending };
    this.#showOrder();
    this.#onOrder();
  }

  #showOrder() {
    for (const [name, cell] of this.#cells) {
      const isOrder = this.order?.column === name;
      const direction = this.order?.descending ? "descending" : "ascending";
      cell.setAttribute("aria-sort", isOrder ? direction : "none");
      setText(cell.querySelector(".sign"), isOrder ? (this.order?.descending ? "▾" : "▴") : "");
    }
  }
}

/** A ranking is read from its largest number, a series from its latest time. */
function firstOrder(columns) {
  const found =
    columns.find(({ type }) => kindOf(type) === "time") ??
    columns.findLast(({ type }) => kindOf(type) === "number") ??
    columns[0];
  return found ? { column: found.name, descending: kindOf(found.type) !== "text" } : null;
}
