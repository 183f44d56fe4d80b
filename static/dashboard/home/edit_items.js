/** Items of lists that show single edits: a title that leads to the diff, the editor, the size. */

import { append, setText } from "../site/dom.js";
import { nameText } from "../site/safe_text.js";
import { timeText } from "../site/texts.js";
import { changeText, countOf } from "./numbers.js";

/**
 * Fill an item with a title, a size, and a second line.
 *
 * @param {HTMLElement} element
 * @param {{title: ?string, url?: ?string}} row
 */
function makeItem(element, { title, url }) {
  const head = append(element, "bdi", "title");
  const name = linkOf(url) === null ? head : append(head, "a");
  setLink(name, url);
  const { text } = nameText(title);
  name.textContent = text;
  head.title = text;
  const size = append(element, "span", "size");
  return { name, size, line: append(element, "span", "line") };
}

/** @param {HTMLElement} name a link, or a text that has no address @param {?string} url */
function setLink(name, url) {
  const link = linkOf(url);
  if (!(name instanceof HTMLAnchorElement) || link === null || name.href === link) return;
  Object.assign(name, { href: link, target: "_blank", rel: "noopener noreferrer" });
}

/** The address of a diff, if it is one of the web: rows hold what strangers wrote. */
export function linkOf(url) {
  if (!url || !URL.canParse(url)) return null;
  return new URL(url).protocol === "https:" ? url : null;
}

/** The wiki of an edit, as people know it: the host of its address. */
function siteOf({ url, wiki }) {
  const link = linkOf(url);
  return link === null ? (wiki ?? "") : new URL(link).host.replace(/^www\./, "");
}

/** The language of an edit; of a wiki in many, its name tells more. */
export function languageOf(row) {
  return row.language && row.language !== "Multilingual" ? row.language : siteOf(row);
}

function showSize(element, bytes) {
  setText(element, changeText(bytes));
  const sign = bytes > 0 ? "more" : bytes < 0 ? "less" : "same";
  if (element.dataset.sign !== sign) element.dataset.sign = sign;
}

function appendEditor(line, user, isBot) {
  const { text, isName } = nameText(user);
  append(line, "bdi", isName ? "editor" : "editor nameless").textContent = text;
  if (isBot) append(line, "span", "bot").textContent = "bot";
}

/** An edit of the ticker, or one of the biggest changes. */
export function createEdit(element, row) {
  const { size, line } = makeItem(element, row);
  appendEditor(line, row.user, row.bot);
  append(line, "bdi").textContent = languageOf(row);
  append(line, "time").textContent = timeText(Date.parse(row.time));
  showSize(size, row.bytes);
  return {};
}

/** A new account, with how much it has edited, and where. */
export function createAccount(element, row) {
  const parts = makeItem(element, row);
  appendEditor(parts.line, row.user, false);
  return { ...parts, edits: append(parts.line, "span"), created: append(parts.line, "span") };
}

export function updateAccount(parts, row) {
  setText(parts.name, nameText(row.title).text);
  setLink(parts.name, row.url);
  showSize(parts.size, row.bytes);
  setText(parts.edits, countOf(row.edits, "edit"));
  setText(parts.created, `since ${timeText(Date.parse(row.created))}`);
}

/** A page that several people edit at the same time. */
export function createWar(element, row) {
  const { line, ...parts } = makeItem(element, row);
  return { ...parts, people: append(line, "span"), wiki: append(line, "bdi") };
}

export function updateWar({ name, size, people, wiki }, row) {
  setLink(name, row.url);
  setText(size, countOf(row.edits, "edit"));
  setText(people, countOf(row.people, "person", "people"));
  setText(wiki, siteOf(row));
}

/** The accounts in the rows of `new_accounts`, which has a row for each edit; the newest first. */
export function accountsOf(rows) {
  const accounts = new Map();
  for (const row of rows) {
    const known = accounts.get(row.user);
    const latest = known === undefined || known.time < row.time ? row : known;
    accounts.set(row.user, { ...latest, edits: (known?.edits ?? 0) + 1 });
  }
  return [...accounts.values()].sort((a, b) =>
    a.created === b.created ? (a.user < b.user ? -1 : 1) : a.created < b.created ? 1 : -1,
  );
}
