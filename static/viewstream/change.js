/** What changed in a view, as its listeners see it. */

import { callSafely } from "./listeners.js";
import { rowReader } from "./values.js";

/** @import { Column, Int8 } from "./types/index.js" */
/** @import { CoreChange, Rows, TextRow } from "./types/internal.js" */

/**
 * How rows of certain columns become objects, and which columns identify a row.
 *
 * @typedef {object} Reader
 * @property {(row: TextRow) => any} read
 * @property {(row: TextRow) => string} keyOf
 * @property {boolean} isKeyed
 */

/**
 * @param {string} view
 * @param {readonly Column[]} columns
 * @param {Int8} int8
 * @param {readonly string[]} key the names of the columns that identify a row, or none
 * @returns {Reader}
 */
export function makeReader(view, columns, int8, key) {
  const read = rowReader(columns, int8);
  const places = key.map((name) => columns.findIndex((column) => column.name === name));
  const missing = key[places.indexOf(-1)];
  if (missing !== undefined && columns.length > 0) {
    const names = columns.map(({ name }) => name).join(", ");
    callSafely(() => {
      throw new Error(`expected one of the columns of ${view} (${names}) as key, found ${missing}`);
    }, null);
  }
  const isKeyed = key.length > 0 && missing === undefined;
  const keyOf = (/** @type {TextRow} */ row) =>
    isKeyed ? JSON.stringify(places.map((place) => row[place])) : "";
  return { read, keyOf, isKeyed };
}

/**
 * List the rows whose weights have that sign, each as often as it is there.
 *
 * @param {Rows} rows
 * @param {1 | -1} sign
 */
export function listRows(rows, sign) {
  /** @type {TextRow[]} */
  const list = [];
  for (const [key, weight] of rows) {
    if (weight * sign <= 0) continue;
    /** @type {TextRow} */
    const row = JSON.parse(key);
    for (let copy = 0; copy < weight * sign; copy += 1) list.push(row);
  }
  return list;
}

/**
 * The rows of a multiset whose weights have that sign.
 *
 * @typedef {{rows: Rows, sign: 1 | -1, reader: Reader}} Side
 */

/**
 * List the rows of a side once each, as objects with their weights, which get the sign `outward`.
 *
 * @param {Side} side
 * @param {1 | -1} outward
 */
export function listEntries({ rows, sign, reader: { read } }, outward) {
  /** @type {[any, number][]} */
  const list = [];
  for (const [key, weight] of rows) {
    if (weight * sign > 0) list.push([read(JSON.parse(key)), weight * sign * outward]);
  }
  return list;
}

/** The lists are made when one of them is read: most changes of most views are not. */
export class ViewChange {
  #inserted;
  #deleted;
  /** @type {?{inserted: any[], deleted: any[], updated: {before: any, after: any}[]}} */
  #lists = null;

  /**
   * @param {Pick<CoreChange, "view" | "epoch" | "lower" | "upper">} change
   * @param {Side} inserted
   * @param {Side} deleted
   */
  constructor({ view, epoch, lower, upper }, inserted, deleted) {
    this.view = view;
    this.epoch = epoch;
    this.lower = lower;
    this.upper = upper;
    this.#inserted = inserted;
    this.#deleted = deleted;
  }

  get inserted() {
    return this.#read().inserted;
  }

  get deleted() {
    return this.#read().deleted;
  }

  get updated() {
    return this.#read().updated;
  }

  /**
   * Each changed row once, with the change of its weight.
   *
   * @returns {[any, number][]}
   */
  entries() {
    return [...listEntries(this.#inserted, 1), ...listEntries(this.#deleted, -1)];
  }

  #read() {
    this.#lists ??= this.#pair();
    return this.#lists;
  }

  /** Pair each inserted row with a deleted one of the same key. */
  #pair() {
    const { rows, sign, reader } = this.#inserted;
    const { read, keyOf, isKeyed } = reader;
    const old = this.#deleted.reader;
    /** @type {Map<string, any[]>} */
    const deleted = new Map();
    for (const row of listRows(this.#deleted.rows, this.#deleted.sign)) {
      const key = old.keyOf(row);
      const list = deleted.get(key);
      if (list) list.push(old.read(row));
      else deleted.set(key, [old.read(row)]);
    }
    const inserted = [];
    const updated = [];
    for (const row of listRows(rows, sign)) {
      const before = isKeyed && old.isKeyed ? deleted.get(keyOf(row))?.shift() : undefined;
      if (before === undefined) inserted.push(read(row));
      else updated.push({ before, after: read(row) });
    }
    return { inserted, deleted: [...deleted.values()].flat(), updated };
  }
}
