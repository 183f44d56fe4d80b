/**
 * Text of strangers, made readable: control characters and blanks are shown. Pure.
 *
 * The result is still text, never HTML, and belongs into an isolated element (`<bdi>`), so that a
 * right-to-left name turns nothing around it.
 */

/** Longer texts are cut: nobody reads more in one line. Code points. */
const LENGTH = 300;
/** More than four marks on one letter are left out: they would cover other lines. */
const TOO_MANY_MARKS = /(\p{M}{4})\p{M}+/gu;
/** Characters that change how others look, or that cannot be seen; also letters without a shape. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]/gu;
/** Signs of Arabic, Syriac and Kaithi numbers: they are format characters, and have a shape. */
const SHAPED = /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]/u;
/** A joiner between letters or emoji is part of a word; a tag after a flag, of the flag. */
const JOINS =
  /(?<=[\p{L}\p{M}\p{Emoji}])[\u200c\u200d](?=[\p{L}\p{Emoji}])|(?<=\u{1f3f4}[\u{e0020}-\u{e007f}]*)[\u{e0020}-\u{e007f}]/gu;
const EDGES = /^\p{Z}+|\p{Z}+$/gu;

/**
 * Make everything in a text visible.
 *
 * @param {string} text
 */
export function visibleText(text) {
  const letters = [...text.slice(0, 2 * LENGTH + 2).toWellFormed()];
  const cut = letters.length > LENGTH ? `${letters.slice(0, LENGTH).join("")}…` : letters.join("");
  const kept = new Set([...cut.matchAll(JOINS)].map(({ index }) => index));
  return cut
    .replace(HIDDEN, (control, at) => (kept.has(at) ? control : visibleControl(control)))
    .replace(EDGES, (blanks) => [...blanks].map(visibleBlank).join(""))
    .replace(TOO_MANY_MARKS, "$1");
}

/** @param {string} blank */
function visibleBlank(blank) {
  return blank === " " ? "␣" : codeOf(blank);
}

/** @param {string} control */
function visibleControl(control) {
  const code = Number(control.codePointAt(0));
  // Pictures of control characters: ␀ ␁ .. ␟, and ␡.
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return SHAPED.test(control) ? control : codeOf(control);
}

/** @param {string} character */
function codeOf(character) {
  const code = Number(character.codePointAt(0)).toString(16).toUpperCase();
  return `⟨U+${code.padStart(4, "0")}⟩`;
}

/**
 * The name of an editor, or of a page: its text, and whether it is one.
 *
 * @param {?string} name
 */
export function nameText(name) {
  if (name === null) return { text: "not known", isName: false };
  return name === ""
    ? { text: "no name", isName: false }
    : { text: visibleText(name), isName: true };
}
