/** How values look, by the type of their column: text, alignment, and what is special. Pure. */

import { visibleText } from "../site/safe_text.js";

/** @typedef {import("../../viewstream/types/index.js").Value} Value */

const NUMBERS = new Set(["int2", "int4", "int8", "oid", "float4", "float8", "numeric"]);
const TIMES = new Set(["timestamptz", "timestamp", "date", "time", "interval"]);

/**
 * Tell what a type is to a reader: `number`, `time`, `bool`, `json` or `text`.
 *
 * @param {string} type
 */
export function kindOf(type) {
  if (NUMBERS.has(type)) return "number";
  if (TIMES.has(type)) return "time";
  if (type === "bool") return "bool";
  return type === "json" || type === "jsonb" ? "json" : "text";
}

/**
 * The text of a value, as it is; null for NULL.
 *
 * @param {Value} value
 */
export function rawText(value) {
  return value === null ? null : String(value);
}

/**
 * Describe a cell: its text, with everything in it visible, and its kind, `null` for NULL and
 * `empty` for an empty text. An address of a page is a link.
 *
 * @param {Value} value
 * @param {string} type
 * @returns {{ text: string, kind: string, link: ?string, full: string }}
 */
export function describeValue(value, type) {
  if (value === null) return { text: "NULL", kind: "null", link: null, full: "NULL" };
  const full = String(value);
  const kind = kindOf(type);
  if (full === "") return { text: "empty text", kind: "empty", link: null, full };
  if (type === "timestamptz") return { text: localTime(full), kind, link: null, full };
  return { text: visibleText(full), kind, link: kind === "text" ? linkOf(full) : null, full };
}

/** Only addresses of the web: never `javascript:` and the like. @param {string} text */
function linkOf(text) {
  return /^https:\/\/[^\s]+$/.test(text) ? text : null;
}

const clock = new Intl.DateTimeFormat("sv-SE", {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** The reader's own time of an ISO 8601 text; the text itself if it is no date. */
function localTime(text) {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : clock.format(time);
}

/**
 * A width that suits most values of a column, in digits.
 *
 * @param {{ name: string, type: string }} column
 * @param {readonly Record<string, Value>[]} rows a sample
 */
export function widthOf({ name, type }, rows) {
  const lengths = rows.map((row) => describeValue(row[name], type).text.length);
  lengths.sort((a, b) => a - b);
  const most = lengths[Math.floor(lengths.length * 0.95)] ?? 0;
  // The name has its type and the sign of its order beside it, and space around.
  return Math.min(Math.max(most + 4, name.length + type.length + 6, 8), 44);
}
