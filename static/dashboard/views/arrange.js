/** Which rows are shown, and in which order. Pure. */

import { kindOf, rawText } from "./values.js";

/** @typedef {import("../../viewstream/types/index.js").Column} Column */
/** @typedef {import("../../viewstream/types/index.js").Value} Value */
/** @typedef {Record<string, Value>} Row */
/** @typedef {{ column: string, descending: boolean }} Order */

/** The text of a row that a filter looks at; a row never changes. @type {WeakMap<Row, string>} */
const texts = new WeakMap();

/** @param {Row} row */
function searchText(row) {
  let text = texts.get(row);
  if (text === undefined) {
    text = Object.values(row)
      .map((value) => rawText(value) ?? "NULL")
      .join("\n")
      .toLowerCase();
    texts.set(row, text);
  }
  return text;
}

/**
 * The rows that have every word of the filter, in order; NULL is last either way.
 *
 * @param {readonly Row[]} rows
 * @param {readonly Column[]} columns
 * @param {?Order} order null: by all columns, so that equal rows of two times look alike
 * @param {string} filter
 */
export function arrange(rows, columns, order, filter) {
  return rows.filter(filterOf(filter)).sort(compareBy(columns, order));
}

/**
 * Arranges the rows of one view again and again. A row is the same object while it stays, so only
 * new rows are sorted, and put between the others.
 */
export class Arrangement {
  #asked = "";
  /** @type {Row[]} */
  #arranged = [];
  /** All rows of the last time, also those that the filter left out. @type {Set<Row>} */
  #known = new Set();

  /** As `arrange`. */
  update(rows, columns, order, filter) {
    const known = new Set(rows);
    const asked = JSON.stringify([columns, order, filter]);
    // A row that is there twice cannot be told from itself.
    if (asked !== this.#asked || known.size !== rows.length) {
      this.#arranged = arrange(rows, columns, order, filter);
    } else {
      const fresh = rows.filter((row) => !this.#known.has(row));
      const stayed = this.#arranged.filter((row) => known.has(row));
      const added = arrange(fresh, columns, order, filter);
      this.#arranged = merge(stayed, added, compareBy(columns, order));
    }
    this.#asked = known.size === rows.length ? asked : "";
    this.#known = known;
    return this.#arranged;
  }
}

/**
 * @param {readonly Row[]} left in order
 * @param {readonly Row[]} right in order
 * @param {(a: Row, b: Row) => number} compare
 */
function merge(left, right, compare) {
  if (right.length === 0) return [...left];
  const merged = [];
  let at = 0;
  for (const row of right) {
    while (at < left.length && compare(left[at], row) <= 0) merged.push(left[at++]);
    merged.push(row);
  }
  while (at < left.length) merged.push(left[at++]);
  return merged;
}

/** @param {string} filter @returns {(row: Row) => boolean} */
function filterOf(filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length === 0
    ? () => true
    : (row) => words.every((word) => searchText(row).includes(word));
}

/**
 * @param {readonly Column[]} columns
 * @param {?Order} order
 * @returns {(a: Row, b: Row) => number}
 */
function compareBy(columns, order) {
  const descending = order?.descending ?? false;
  // Rows of one second are in the order of their numbers, too; names are from A to Z either way.
  const others = columns.map((one) => comparison(one, descending && kindOf(one.type) !== "text"));
  const first = columns.find(({ name }) => name === order?.column);
  const all = first ? [comparison(first, descending), ...others] : others;
  return (a, b) => {
    for (const compare of all) {
      const sign = compare(a, b);
      if (sign !== 0) return sign;
    }
    return 0;
  };
}

/**
 * @param {Column} column
 * @param {boolean} descending
 * @returns {(a: Row, b: Row) => number}
 */
function comparison({ name, type }, descending) {
  const sign = descending ? -1 : 1;
  const key = sortKey(type);
  return (a, b) => {
    const [left, right] = [a[name], b[name]];
    if (left === right) return 0;
    if (left === null) return 1;
    if (right === null) return -1;
    return sign * compareKeys(key(left), key(right));
  };
}

/** As in SQL, NaN is one value, and above all others. */
function compareKeys(x, y) {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return x === y ? 0 : x < y ? -1 : 1;
}

/** A numeric comes as text, which keeps its digits: it is ordered by its value; so is an interval. */
function sortKey(type) {
  if (type === "interval") return lengthOf;
  return kindOf(type) === "number"
    ? (value) => (typeof value === "string" ? Number(value) : value)
    : (value) => value;
}

const DAYS = { year: 360, mon: 30, day: 1 };

/** How long an interval such as `1 mon -2 days 03:04:05.6` is, in seconds: a month has 30 days. */
function lengthOf(text) {
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/([+-]?\d+) (year|mon|day)/g))
    seconds += 86_400 * DAYS[unit] * Number(count);
  const time = /([+-]?)(\d+):(\d\d):(\d\d(?:\.\d+)?)/.exec(text);
  if (time === null) return seconds;
  const [, sign, hours, minutes, rest] = time;
  const clock = 3600 * Number(hours) + 60 * Number(minutes) + Number(rest);
  return seconds + (sign === "-" ? -clock : clock);
}
