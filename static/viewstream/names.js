/**
 * Names of views and of their parts, such as `orders[tenant=42]`; docs/protocol.md has the syntax.
 *
 * `viewstream/names.py` has the same rules; `tests/vectors/names.json` tests both.
 */

/** What needs no quotes: neither blanks nor control characters, and no sign of the syntax. */
const VALUE = String.raw`[^\x00-\x20'"[\],]+`;
const COLUMN = VALUE.replace(",", "=,:");
const BARE_VALUE = new RegExp(`^${VALUE}$`);
const BARE_COLUMN = new RegExp(`^${COLUMN}$`);
const PART = new RegExp(
  String.raw`^([^[]+)\[("(?:[^"]|"")+"|${COLUMN})(?:=('(?:[^']|'')*'|${VALUE})| +[iI][sS] +[nN][uU][lL][lL])\]$`,
);

/**
 * The name of the part of `view` whose `column` has the value, for `follow`; null is NULL.
 *
 * @param {string} view
 * @param {string} column
 * @param {string | number | bigint | null} value
 */
export function part(view, column, value) {
  const spelled = spell(column, BARE_COLUMN, '"');
  if (value === null) return `${view}[${spelled} is null]`;
  return `${view}[${spelled}=${spell(String(value), BARE_VALUE, "'")}]`;
}

/**
 * The spelling that the server's messages have; a text that names no part stays as it is.
 *
 * @param {string} name
 */
export function spellName(name) {
  const match = PART.exec(name);
  if (match === null || name.includes("\0")) return name;
  const [, view = "", column = "", value] = match;
  return part(view, unquote(column, '"'), value === undefined ? null : unquote(value, "'"));
}

/**
 * @param {string} text
 * @param {RegExp} bare what needs no quotes
 * @param {string} quote
 */
function spell(text, bare, quote) {
  return bare.test(text) ? text : quote + text.replaceAll(quote, quote + quote) + quote;
}

/**
 * @param {string} text
 * @param {string} quote
 */
function unquote(text, quote) {
  return text.startsWith(quote) ? text.slice(1, -1).replaceAll(quote + quote, quote) : text;
}
