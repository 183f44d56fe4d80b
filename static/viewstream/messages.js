/** Checks of incoming messages, and the error for one that cannot be applied. */

/** @import { Base, Delta, TextRow } from "./types/internal.js" */

/** Close code: a delta left a gap, or a message made no sense. */
export const GAP = 4000;
/** Close code: the checksum of the rows differs from the server's. */
export const WRONG_CHECKSUM = 4001;

/** The frontier of a view that can no longer change. */
export const MAX_TIME = Number.MAX_SAFE_INTEGER;

/**
 * A message cannot be applied; the connection must be closed with `code`.
 *
 * The view's position has been dropped by then, so the next connection does not resume. The rows
 * stay until a base replaces them.
 */
export class MessageError extends Error {
  /**
   * @param {number} code
   * @param {string} reason
   */
  constructor(code, reason) {
    super(reason);
    this.name = "MessageError";
    this.code = code;
  }
}

/**
 * Decode a message; null if the text is none.
 *
 * @param {string} text
 */
export function parseMessage(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  const isMessage = typeof message?.type === "string" && typeof message.view === "string";
  return isMessage ? message : null;
}

/**
 * Throw a MessageError unless `base` is a base; its rows are checked one by one as they are read.
 *
 * @param {any} base
 * @returns {asserts base is Base}
 */
export function checkBase(base) {
  expect(isTime(base.upper), "a time as upper", base.upper);
  expect(typeof base.epoch === "string", "an epoch", base.epoch);
  expect(Array.isArray(base.columns) && base.columns.every(isColumn), "columns", base.columns);
  expect(Array.isArray(base.rows), "a list of rows", base.rows);
  const { rows, weights } = base;
  if (weights === undefined) return;
  const fits = Array.isArray(weights) && weights.length === rows.length && weights.every(isWeight);
  if (!fits) expect(false, `a weight above 0 for each of ${rows.length} rows`, weights);
}

/**
 * Throw a MessageError unless `delta` is a delta; the rows of its updates are checked as they are read.
 *
 * @param {any} delta
 * @returns {asserts delta is Delta}
 */
export function checkDelta(delta) {
  expect(typeof delta.epoch === "string", "an epoch", delta.epoch);
  expect(isTime(delta.lower), "a time as lower", delta.lower);
  expect(isTime(delta.upper), "a time as upper", delta.upper);
  expect(Array.isArray(delta.updates), "a list of updates", delta.updates);
  for (const update of delta.updates) {
    const isTriple = Array.isArray(update) && update.length === 3;
    if (!isTriple || !isTime(update[0])) expect(false, "an update as [time, diff, row]", update);
    if (!Number.isSafeInteger(update[1])) expect(false, "a whole number as diff", update[1]);
  }
}

/**
 * Throw a MessageError unless `row` has a text or null for each column.
 *
 * @param {any} row
 * @param {number} width
 * @returns {asserts row is TextRow}
 */
export function checkRow(row, width) {
  let fits = Array.isArray(row) && row.length === width;
  for (let at = 0; fits && at < width; at += 1)
    fits = row[at] === null || typeof row[at] === "string";
  // Not in the call: the text would be made for each of a hundred thousand rows.
  if (!fits) expect(false, `rows of ${width} values`, row);
}

/** @param {unknown} value */
function isTime(value) {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** @param {unknown} value */
function isWeight(value) {
  return isTime(value) && value !== 0;
}

/** @param {any} column */
function isColumn(column) {
  return typeof column?.name === "string" && typeof column?.type === "string";
}

/**
 * @param {boolean} condition
 * @param {string} what
 * @param {unknown} found
 */
function expect(condition, what, found) {
  if (!condition) throw new MessageError(GAP, `expected ${what}, found ${JSON.stringify(found)}`);
}
