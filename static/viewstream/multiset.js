/**
 * Multisets of rows.
 *
 * There may be a hundred thousand rows, so functions that visit all of them are generators that
 * pause (`yield`) every few hundred rows: the caller can give the page a turn in between.
 */

import { addToChecksum, rowHash } from "./checksum.js";
import { checkRow } from "./messages.js";

/** @import { Entry, Rows, TextRow, Update, Weighing } from "./types/internal.js" */

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
  let count = 0;
  let done = 0;
  for (const update of updates) {
    const row = update[2]; // not by destructuring, which costs 30 ns here
    checkRow(row, width);
    if (update[0] >= frontier && update[1] !== 0) {
      rows.set(JSON.stringify(row), { row, weight: update[1], hash: undefined });
      count += 1;
    }
    done += 1;
    if (done % SLICE === 0) yield;
  }
  // Rarely a row is there more than once, at different times: only then it is worth looking for.
  return rows.size === count ? rows : yield* sumRepeated(updates, frontier);
}

/**
 * @param {readonly Update[]} updates
 * @param {number} frontier
 * @returns {Generator<void, Rows>}
 */
function* sumRepeated(updates, frontier) {
  /** @type {Rows} */
  const rows = new Map();
  let done = 0;
  for (const [time, diff, row] of updates) {
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
  for (const [key, entry] of rows) {
    sum = addToChecksum(sum, entry.weight, hashOf(key, entry));
    done += 1;
    if (done % SLICE === 0) yield;
  }
  return sum;
}

/**
 * The hash of a row, which is computed once: a row is deleted by the hash that it was inserted by.
 *
 * @param {string} key
 * @param {Entry} entry
 */
function hashOf(key, entry) {
  entry.hash ??= rowHash(key) | 0;
  return entry.hash;
}

/**
 * Compute what a changed row does to the rows, without changing them.
 *
 * @param {Weighing} after
 * @param {Rows} rows
 * @param {string} key
 * @param {Entry} entry
 */
export function weigh(after, rows, key, entry) {
  const before = rows.get(key);
  const weight = before === undefined ? entry.weight : before.weight + entry.weight;
  if (weight < 0 && entry.weight < 0) after.deletesTooMuch = true;
  after.weights.push(weight);
  if (after.checksum === null) return;
  if (before !== undefined) entry.hash = before.hash;
  after.checksum = addToChecksum(after.checksum, entry.weight, hashOf(key, entry));
}

/**
 * Apply `change` to the rows.
 *
 * @param {Rows} rows
 * @param {Rows} change
 * @param {number[]} weights as `weigh` has found them
 */
export function apply(rows, change, weights) {
  let at = 0;
  for (const [key, entry] of change) {
    const weight = /** @type {number} */ (weights[at]);
    if (weight === 0) rows.delete(key);
    else if (weight === entry.weight) rows.set(key, entry);
    else rows.set(key, { row: entry.row, weight, hash: entry.hash });
    at += 1;
  }
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
    if (diff !== 0) change.set(key, { row, weight: diff, hash: undefined });
    done += 1;
    if (done % SLICE === 0) yield;
  }
  for (const [key, { row, weight }] of before) {
    if (!after.has(key)) change.set(key, { row, weight: -weight, hash: undefined });
    done += 1;
    if (done % SLICE === 0) yield;
  }
  return change;
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
  const before = rows.get(key);
  const weight = before === undefined ? diff : before.weight + diff;
  if (weight === 0) rows.delete(key);
  else rows.set(key, { row, weight, hash: before?.hash });
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
