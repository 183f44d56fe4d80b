/**
 * From PostgreSQL's text values to JavaScript's, at the very end of the way.
 *
 *     int2 int4                number
 *     int8                     BigInt: every digit counts
 *     float4 float8            number (Infinity, -Infinity and NaN are themselves)
 *     bool                     boolean
 *     timestamptz              text, ISO 8601 in UTC with all its digits: 2020-01-02T01:04:05.678Z
 *     everything else          the text as it is
 *
 * numeric stays text, since JavaScript has no number that keeps its digits; so does jsonb, whose
 * numbers `JSON.parse` would round; a timestamp without time zone stays text because `new Date`
 * would take it for local time. NULL is null, whatever the type.
 */

const READERS = {
  int2: Number,
  int4: Number,
  int8: BigInt,
  float4: Number,
  float8: Number,
  bool: (text) => text === "t",
  timestamptz: readTimestamptz,
};

const TIMESTAMPTZ =
  /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(\.\d{1,6})?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/;

/**
 * The value that `text` stands for.
 *
 * @param {string} type the column's type, as PostgreSQL names it
 * @param {?string} text null for NULL
 */
export function readValue(type, text) {
  if (text === null) return null;
  return Object.hasOwn(READERS, type) ? READERS[type](text) : text;
}

/** A function from a row of texts to an object with a property for each column. */
export function rowReader(columns) {
  return (row) =>
    Object.fromEntries(columns.map(({ name, type }, at) => [name, readValue(type, row[at])]));
}

/** ISO 8601 in UTC; `infinity` and years before Christ, which it cannot tell, stay as they are. */
function readTimestamptz(text) {
  const match = TIMESTAMPTZ.exec(text);
  if (match === null) return text;
  const [, year, month, day, hour, minute, second, fraction = "", sign, ...zone] = match;
  const time = new Date(0);
  time.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  time.setUTCHours(Number(hour), Number(minute), Number(second));
  const [hours, minutes, seconds] = zone.map((part) => Number(part ?? 0));
  const offset = ((hours * 60 + minutes) * 60 + seconds) * 1000;
  const utc = new Date(time.getTime() + (sign === "+" ? -offset : offset));
  return utc.toISOString().replace(/\.\d+Z$/, `${fraction}Z`);
}
