/** Whether a message is what the protocol says. Each function throws RefusalError if it is not. */

import { GAP, RefusalError } from "./refusal.js";

export function checkBase(base) {
  expect(isTime(base.upper), "a time as upper", base.upper);
  expect(typeof base.epoch === "string", "an epoch", base.epoch);
  expect(Array.isArray(base.columns) && base.columns.every(isColumn), "columns", base.columns);
  expect(Array.isArray(base.rows), "a list of rows", base.rows);
}

export function checkDelta(delta) {
  expect(typeof delta.epoch === "string", "an epoch", delta.epoch);
  expect(isTime(delta.lower), "a time as lower", delta.lower);
  expect(isTime(delta.upper), "a time as upper", delta.upper);
  expect(Array.isArray(delta.updates), "a list of updates", delta.updates);
  for (const update of delta.updates) {
    const whole = Array.isArray(update) && update.length === 3;
    expect(whole && isTime(update[0]), "an update as [time, diff, row]", update);
    expect(Number.isSafeInteger(update[1]), "a whole number as diff", update[1]);
  }
}

export function checkRow(row, columns) {
  const fits = Array.isArray(row) && row.length === columns.length && row.every(isText);
  if (!fits) expect(false, `rows of ${columns.length} values`, row);
}

function isText(value) {
  return value === null || typeof value === "string";
}

function isTime(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

function isColumn(column) {
  return typeof column?.name === "string" && typeof column?.type === "string";
}

function expect(holds, what, found) {
  if (!holds) throw new RefusalError(GAP, `expected ${what}, found ${JSON.stringify(found)}`);
}
