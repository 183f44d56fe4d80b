/** The languages of the wikis, with their own names and their share of all edits. */

import { append } from "../site/dom.js";
import { Bars } from "./bars.js";
import { shareText } from "./numbers.js";

export const SHOWN = 8;

/** @param {HTMLElement} list */
export function makeLanguages(list) {
  return new Bars(list, {
    size: SHOWN,
    settle: 2_000,
    nameOf: ({ code, language }) => code ?? language,
    countOf: ({ edits }) => edits,
    label: ({ edits }, total) => shareText(Number(edits) / Math.max(1, total)),
    describe: describeLanguage,
    speak: ({ language }) => language,
    caption: "Edits by language",
    heads: ["Language", "Share of the edits"],
  });
}

function describeLanguage(element, { code, language, native }) {
  const name = append(element, "bdi", "name");
  name.textContent = native || language;
  if (native) name.lang = code;
  if (!native || native === language) return;
  append(element, "bdi", "quiet").textContent = language;
}
