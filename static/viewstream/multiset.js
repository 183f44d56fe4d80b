/**
 * Multisets of rows: a Map from the row's JSON to `{row, weight}`, in which no weight is 0.
 *
 * There may be a hundred thousand rows, so what goes through all of them is a generator that pauses
 * (a `yield`) every few hundred: whoever runs it may let the page breathe in between.
 */

import { addToChecksum, rowHash } from "./checksum.js";
import { checkRow } from "./messages.js";

/** Rows between two pauses. */
const SLICE = 256;

/** The multiset of a list of rows; throws RefusalError if one does not fit the columns. */
export function* counted(list, columns) {
  const rows = new Map();
  for (let index = 0; index < list.length; index += 1) {
    checkRow(list[index], columns);
    add(rows, JSON.stringify(list[index]), list[index], 1);
    if (index % SLICE === SLICE - 1) yield;
  }
  return rows;
}

/** What updates at or after the frontier do together; throws RefusalError likewise. */
export function* gathered(updates, { frontier, columns }) {
  const rows = new Map();
  for (let index = 0; index < updates.length; index += 1) {
    const [time, diff, row] = updates[index];
    checkRow(row, columns);
    if (time >= frontier) add(rows, JSON.stringify(row), row, diff);
    if (index % SLICE === SLICE - 1) yield;
  }
  return rows;
}

/** `checksum` with those of all the rows added. */
export function* checksumOf(rows, checksum = 0) {
  let done = 0;
  for (const [key, { weight }] of rows) {
    checksum = addToChecksum(checksum, weight, rowHash(key));
    done += 1;
    if (done % SLICE === 0) yield;
  }
  return checksum;
}

/** The multiset that leads from `old` to `fresh`. */
export function* difference(old, fresh) {
  const change = new Map();
  let done = 0;
  for (const [key, { row, weight }] of fresh) {
    const diff = weight - (old.get(key)?.weight ?? 0);
    if (diff !== 0) change.set(key, { row, weight: diff });
    done += 1;
    if (done % SLICE === 0) yield;
  }
  for (const [key, { row, weight }] of old) {
    if (!fresh.has(key)) change.set(key, { row, weight: -weight });
    done += 1;
    if (done % SLICE === 0) yield;
  }
  return change;
}

/** Whether `rows` with `change` added would hold a row less than no times. */
export function takesTooMuch(rows, change) {
  for (const [key, { weight }] of change) {
    if (weight < 0 && (rows.get(key)?.weight ?? 0) + weight < 0) return true;
  }
  return false;
}

/** Add `diff` copies of `row`, whose JSON is `key`. */
export function add(rows, key, row, diff) {
  const weight = (rows.get(key)?.weight ?? 0) + diff;
  if (weight === 0) rows.delete(key);
  else rows.set(key, { row, weight });
}
