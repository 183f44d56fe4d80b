/**
 * Conversion of PostgreSQL's text values to JavaScript's.
 *
 *     int2 int4                number
 *     int8                     number where it is exact, BigInt beyond 2^53-1; see `int8` below
 *     float4 float8            number (Infinity, -Infinity and NaN included)
 *     bool                     boolean
 *     timestamptz              text, ISO 8601 in UTC with all its digits: 2020-01-02T01:04:05.678Z
 *     everything else          the text as it is
 *
 * numeric stays text, since JavaScript has no number that keeps its digits. jsonb stays text, since
 * `JSON.parse` would round its numbers. A timestamp without time zone stays text, since `new Date`
 * would take it for local time. NULL is null for all types.
 */

/** @import { Column, Int8, Value } from "./types/index.js" */
/** @import { TextRow } from "./types/internal.js" */

/** @type {Record<Int8, (text: string) => Value>} */
const INT8 = {
  number: (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text)),
  bigint: BigInt,
  string: asItIs,
};

/** @type {Record<string, (text: string) => Value>} */
const READERS = {
  int2: Number,
  int4: Number,
  float4: Number,
  float8: Number,
  bool: (text) => text === "t",
  timestamptz: readTimestamptz,
};

const TIMESTAMPTZ =
  /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(\.\d{1,6})?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/;

/**
 * Choose the reader for a type.
 *
 * @param {string} type the column's type, as PostgreSQL names it
 * @param {Int8} int8
 * @returns {(text: string) => Value}
 */
function readerOf(type, int8) {
  if (type === "int8") return INT8[int8];
  return Object.hasOwn(READERS, type) ? /** @type {any} */ (READERS[type]) : asItIs;
}

/** @param {string} text */
function asItIs(text) {
  return text;
}

/**
 * Convert one text value.
 *
 * @param {string} type the column's type, as PostgreSQL names it
 * @param {?string} text null for NULL
 * @param {Int8} int8
 * @returns {Value}
 */
export function readValue(type, text, int8 = "number") {
  return text === null ? null : readerOf(type, int8)(text);
}

/**
 * Rename columns so that no two have one name: of two called `a`, the second is `a_2`.
 *
 * A name that a column has already is passed over. `viewstream/protocol.py` does the same.
 *
 * @param {Column[]} columns
 * @returns {Column[]}
 */
export function distinctColumns(columns) {
  const taken = new Set(columns.map(({ name }) => name));
  const seen = new Set();
  return columns.map((column) => {
    let { name } = column;
    for (let number = 2; seen.has(name) || (name !== column.name && taken.has(name)); number += 1) {
      name = `${column.name}_${number}`;
    }
    seen.add(name);
    taken.add(name);
    return { ...column, name };
  });
}

/**
 * Make a function from a row of texts to an object with a property for each column.
 *
 * @param {readonly Column[]} columns
 * @param {Int8} int8
 * @returns {(row: TextRow) => any}
 */
export function rowReader(columns, int8 = "number") {
  const fields = columns.map(({ name, type }) => ({ name, read: readerOf(type, int8) }));
  return (row) => {
    /** @type {Record<string, Value>} */
    const object = {};
    let at = 0;
    for (const { name, read } of fields) {
      const text = /** @type {?string} */ (row[at]);
      at += 1;
      const value = text === null ? null : read(text);
      if (name === "__proto__") define(object, name, value);
      else object[name] = value;
    }
    return object;
  };
}

/**
 * Set a property that an assignment would take for something else.
 *
 * @param {object} object
 * @param {string} name
 * @param {Value} value
 */
function define(object, name, value) {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true });
}

/**
 * Convert to ISO 8601 in UTC; `infinity` and years BC, which it lacks, stay as they are.
 *
 * @param {string} text
 */
function readTimestamptz(text) {
  const match = TIMESTAMPTZ.exec(text);
  if (match === null) return text;
  const [, year, month, day, hour, minute, second, fraction = "", sign, ...zone] = match;
  const time = new Date(0);
  time.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  time.setUTCHours(Number(hour), Number(minute), Number(second));
  const [hours = 0, minutes = 0, seconds = 0] = zone.map((part) => Number(part ?? 0));
  const offset = ((hours * 60 + minutes) * 60 + seconds) * 1000;
  const utc = new Date(time.getTime() + (sign === "+" ? -offset : offset));
  return utc.toISOString().replace(/\.\d+Z$/, `${fraction}Z`);
}
