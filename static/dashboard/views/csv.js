/** Rows as CSV (RFC 4180), as `/view/rows` writes them, and safe to paste. Pure. */

import { kindOf, rawText } from "./values.js";

/** A spreadsheet would run these as formulas; strangers wrote them. */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * A header line, then a line for each row. NULL is an empty field, an empty text is `""`. A text
 * that a spreadsheet would run gets an apostrophe, which makes it text there.
 *
 * @param {readonly { name: string, type: string }[]} columns
 * @param {readonly Record<string, import("../../viewstream/types/index.js").Value>[]} rows
 */
export function toCsv(columns, rows) {
  const header = columns.map(({ name }) => quote(harmless(name)));
  const lines = rows.map((row) =>
    columns.map(({ name, type }) => field(rawText(row[name]), kindOf(type))),
  );
  return [header, ...lines].map((fields) => `${fields.join(",")}\r\n`).join("");
}

function field(text, kind) {
  if (text === null) return "";
  return quote(kind === "text" || kind === "json" ? harmless(text) : text);
}

function harmless(text) {
  return FORMULA.test(text) ? `'${text}` : text;
}

function quote(text) {
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
