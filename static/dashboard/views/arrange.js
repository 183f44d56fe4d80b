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
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const found =
    words.length === 0
      ? [...rows]
      : rows.filter((row) => words.every((word) => searchText(row).includes(word)));
  const descending = order?.descending ?? false;
  // Rows of one second are in the order of their numbers, too; names are from A to Z either way.
  const others = columns.map((one) => comparison(one, descending && kindOf(one.type) !== "text"));
  const first = columns.find(({ name }) => name === order?.column);
  const all = first ? [comparison(first, descending), ...others] : others;
  return found.sort((a, b) => {
    for (const compare of all) {
      const sign = compare(a, b);
      if (sign !== 0) return sign;
    }
    return 0;
  });
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
    const [x, y] = [key(left), key(right)];
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  };
}

/** A numeric comes as text, which keeps its digits: it is ordered by its value. */
function sortKey(type) {
  return type === "numeric" || kindOf(type) === "number"
    ? (value) => (typeof value === "string" ? Number(value) : value)
    : (value) => value;
}
