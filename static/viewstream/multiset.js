/**
 * Multisets of rows: how often each is there, by its JSON.
 *
 * Rows are parsed again when they are read, and not kept as arrays: that would nearly double the
 * memory, and the garbage collector would visit each of them.
 *
 * There may be a hundred thousand rows, so functions that visit all of them are generators that
 * pause (`yield`) every few hundred rows: the caller can give the page a turn in between.
 */

import { addToChecksum, rowHash } from "./checksum.js";
import { checkRow } from "./messages.js";

/** @import { Rows, TextRow, Update } from "./types/internal.js" */

/** Rows between two pauses. */
export const SLICE = 256;

/**
 * Count a list of rows; throws MessageError if one does not fit the columns.
 *
 * @param {TextRow[]} list
 * @param {number} width the number of columns
 * @param {number[]} [weights] how often each row is there, if not once
 * @returns {Generator<void, Rows>}
 */
export function* countRows(list, width, weights) {
  /** @type {Rows} */
  const rows = new Map();
  let done = 0;
  for (const row of list) {
    checkRow(row, width);
    add(rows, JSON.stringify(row), weights?.[done] ?? 1);
    done += 1;
    if (done % SLICE === 0) yield;
  }
  return rows;
}

/**
 * Add all rows to a checksum.
 *
 * @param {Iterable<[string, number]>} rows
 * @returns {Generator<void, number>}
 */
export function* checksumOf(rows, checksum = 0) {
  let sum = checksum;
  let done = 0;
  for (const [key, weight] of rows) {
    sum = addToChecksum(sum, weight, rowHash(key));
    done += 1;
    if (done % SLICE === 0) yield;
  }
  return sum;
}

/**
 * Compute the change from `before` to `after`.
 *
 * @param {Rows} before
 * @param {Rows} after
 * @returns {Generator<void, Rows>}
 */
export function* difference(before, after) {
  /** @type {Rows} */
  const change = new Map();
  let done = 0;
  for (const [key, weight] of after) {
    const diff = weight - (before.get(key) ?? 0);
    if (diff !== 0) change.set(key, diff);
    done += 1;
    if (done % SLICE === 0) yield;
  }
  for (const [key, weight] of before) {
    if (!after.has(key)) change.set(key, -weight);
    done += 1;
    if (done % SLICE === 0) yield;
  }
  return change;
}

/**
 * Add `diff` copies of the row whose JSON is `key`.
 *
 * @param {Rows} rows
 * @param {string} key
 * @param {number} diff
 */
export function add(rows, key, diff) {
  const weight = (rows.get(key) ?? 0) + diff;
  if (weight === 0) rows.delete(key);
  else rows.set(key, weight);
}

/**
 * Add all rows of `change`, `sign` times.
 *
 * @param {Rows} rows
 * @param {Rows} change
 */
export function addAll(rows, change, sign = 1) {
  for (const [key, weight] of change) add(rows, key, sign * weight);
}

/**
 * Sum updates, whatever their times.
 *
 * @param {readonly Update[]} updates
 */
export function sum(updates) {
  /** @type {Rows} */
  const rows = new Map();
  for (const [, diff, row] of updates) add(rows, JSON.stringify(row), diff);
  return rows;
}
