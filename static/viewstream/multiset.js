/**
 * Multisets of rows.
 *
 * There may be a hundred thousand rows, so functions that visit all of them are generators that
 * pause (`yield`) every few hundred rows: the caller can give the page a turn in between.
 */

import { addToChecksum, rowHash } from "./checksum.js";
import { checkRow } from "./messages.js";

/** @import { Base, Rows, TextRow, Update } from "./types/internal.js" */

/** Rows between two pauses. */
const SLICE = 256;

/**
 * Count the rows of a base, each of which may have a weight; throws MessageError if one does not fit
 * the columns.
 *
 * @param {Pick<Base, "rows" | "weights">} base
 * @param {number} width the number of columns
 * @returns {Generator<void, Rows>}
 */
export function* countRows({ rows: list, weights }, width) {
  /** @type {Rows} */
  const rows = new Map();
  let done = 0;
  for (const row of list) {
    checkRow(row, width);
    add(rows, JSON.stringify(row), row, weights?.[done] ?? 1);
    done += 1;
    if (done % SLICE === 0) yield;
  }
  return rows;
}

/**
 * Sum the updates at or after `frontier`; throws MessageError if a row does not fit the columns.
 *
 * @param {readonly Update[]} updates
 * @param {number} frontier
 * @param {number} width the number of columns
 * @returns {Generator<void, Rows>}
 */
export function* sumUpdates(updates, frontier, width) {
  /** @type {Rows} */
  const rows = new Map();
  let done = 0;
  for (const [time, diff, row] of updates) {
    checkRow(row, width);
    if (time >= frontier) add(rows, JSON.stringify(row), row, diff);
    done += 1;
    if (done % SLICE === 0) yield;
  }
  return rows;
}

/**
 * Add all rows to a checksum.
 *
 * @param {Rows} rows
 * @returns {Generator<void, number>}
 */
export function* checksumOf(rows, checksum = 0) {
  let sum = checksum;
  let done = 0;
  for (const [key, { weight }] of rows) {
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
  for (const [key, { row, weight }] of after) {
    const diff = weight - (before.get(key)?.weight ?? 0);
    if (diff !== 0) change.set(key, { row, weight: diff });
    done += 1;
    if (done % SLICE === 0) yield;
  }
  for (const [key, { row, weight }] of before) {
    if (!after.has(key)) change.set(key, { row, weight: -weight });
    done += 1;
    if (done % SLICE === 0) yield;
  }
  return change;
}

/**
 * Check whether `change` would delete rows that are not there.
 *
 * @param {Rows} rows
 * @param {Rows} change
 */
export function deletesTooMuch(rows, change) {
  for (const [key, { weight }] of change) {
    if (weight < 0 && (rows.get(key)?.weight ?? 0) + weight < 0) return true;
  }
  return false;
}

/**
 * Add `diff` copies of `row`, whose JSON is `key`.
 *
 * @param {Rows} rows
 * @param {string} key
 * @param {TextRow} row
 * @param {number} diff
 */
export function add(rows, key, row, diff) {
  const weight = (rows.get(key)?.weight ?? 0) + diff;
  if (weight === 0) rows.delete(key);
  else rows.set(key, { row, weight });
}

/**
 * Add all rows of `change`, `sign` times.
 *
 * @param {Rows} rows
 * @param {Rows} change
 */
export function addAll(rows, change, sign = 1) {
  for (const [key, { row, weight }] of change) add(rows, key, row, sign * weight);
}
