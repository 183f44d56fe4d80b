/**
 * The updates of a delta: how they are read, applied to rows, and reported.
 *
 * They are read by a generator that pauses, as `multiset.js` explains, and applied at once.
 */

import { addToChecksum, rowHash } from "./checksum.js";
import { checkRow } from "./messages.js";
import { checksumOf, SLICE } from "./multiset.js";

/** @import { Delta, Diffs, Replica, Rows, Update } from "./types/internal.js" */

/**
 * Read the updates of a delta that are new to a replica; throws MessageError if a row does not fit
 * the columns.
 *
 * @param {Replica} replica
 * @param {Delta} delta
 * @returns {Generator<void, Diffs>}
 */
export function* readDelta({ frontier, columns, rows, checksum: known }, { updates, checksum }) {
  const isHashed = known === null && checksum !== undefined;
  const diffs = noDiffs(updates.length, isHashed ? yield* checksumOf(rows) : known);
  for (let from = 0; from < updates.length; from += SLICE) {
    if (from > 0) yield;
    readSlice(diffs, updates, from, frontier, columns.length);
  }
  return diffs;
}

/**
 * Whether a delta is read without a pause: it has few updates, and needs no checksum of all rows.
 *
 * @param {?Replica} replica
 * @param {any} delta which may not have been checked yet
 */
export function isShort(replica, { updates, checksum }) {
  return !(updates?.length > SLICE || (replica?.checksum === null && checksum !== undefined));
}

/**
 * Read the updates of a short delta as `readDelta` does.
 *
 * @param {Replica} replica
 * @param {Delta} delta
 */
export function readShort({ frontier, columns, checksum }, { updates }) {
  return readSlice(noDiffs(updates.length, checksum), updates, 0, frontier, columns.length);
}

/**
 * Make room for so many updates; a list that grows would cost a fifth more.
 *
 * @param {number} room
 * @param {?number} checksum of the rows before
 * @returns {Diffs}
 */
function noDiffs(room, checksum) {
  return { keys: new Array(room), weights: new Array(room), size: 0, checksum };
}

/**
 * Read the updates from an index on, as many as there are between two pauses.
 *
 * @param {Diffs} diffs
 * @param {readonly Update[]} updates
 * @param {number} from
 * @param {number} frontier
 * @param {number} width
 */
function readSlice(diffs, updates, from, frontier, width) {
  const { keys, weights, checksum } = diffs;
  const end = Math.min(from + SLICE, updates.length);
  let { size } = diffs;
  let sum = checksum ?? 0;
  for (let at = from; at < end; at += 1) {
    const update = /** @type {Update} */ (updates[at]); // destructuring costs 30 ns here
    const row = update[2];
    checkRow(row, width);
    if (update[0] < frontier) continue;
    const key = JSON.stringify(row);
    keys[size] = key;
    weights[size] = update[1];
    size += 1;
    if (checksum !== null) sum = addToChecksum(sum, update[1], rowHash(key));
  }
  diffs.size = size;
  if (checksum !== null) diffs.checksum = sum;
  return diffs;
}

/**
 * Apply updates to the rows, `sign` times; returns whether one of them led to a weight below 0.
 *
 * @param {Rows} rows
 * @param {Diffs} diffs
 * @param {1 | -1} sign
 */
export function apply(rows, { keys, weights, size }, sign = 1) {
  let isBelowZero = false;
  for (let at = 0; at < size; at += 1) {
    const key = /** @type {string} */ (keys[at]);
    const before = rows.get(key);
    const diff = sign * /** @type {number} */ (weights[at]);
    const weight = before === undefined ? diff : before + diff;
    if (weight < 0 && diff < 0) isBelowZero = true;
    if (weight === 0) rows.delete(key);
    else rows.set(key, weight);
  }
  return isBelowZero;
}

/**
 * Sum updates.
 *
 * @param {Diffs} diffs
 * @returns {Rows}
 */
export function sumUpdates(diffs) {
  /** @type {Rows} */
  const rows = new Map();
  apply(rows, diffs);
  return rows;
}

/** What a delta changed. Its updates are summed when `rows` is read the first time. */
export class DeltaChange {
  #diffs;
  /** @type {?Rows} */
  #rows = null;

  /**
   * @param {Delta} delta
   * @param {Replica} replica after the delta
   * @param {number} lower
   * @param {Diffs} diffs
   */
  constructor({ view, folded, updates }, { epoch, frontier, columns }, lower, diffs) {
    this.view = view;
    this.epoch = epoch;
    this.lower = lower;
    this.upper = frontier;
    this.columns = columns;
    this.updates = folded ? null : updates;
    this.#diffs = diffs;
  }

  get rows() {
    this.#rows ??= sumUpdates(this.#diffs);
    return this.#rows;
  }
}
