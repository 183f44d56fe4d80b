/** The page of one view: its rows as a table that changes while one looks. */

import { follow } from "../../viewstream/index.js";
import { setText } from "../site/dom.js";
import { clockOffset, Freshness } from "../site/freshness.js";
import { pauseWhileHidden } from "../site/hidden_tab.js";
import { visibleText } from "../site/safe_text.js";
import { StandingDisplay } from "../site/standing.js";
import { ageText, describe, worst } from "../site/texts.js";
import { Arrangement } from "./arrange.js";
import { Changes } from "./changes.js";
import { toCsv } from "./csv.js";
import { Repaint } from "./repaint.js";
import { TableHead } from "./table_head.js";
import { rowElement } from "./table_row.js";
import { splitSql } from "./view_card.js";
import { VirtualRows } from "./virtual_rows.js";

const SERVER = new URL("../..", import.meta.url);
const element = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en-US");

const name = nameOf(location.pathname);
document.title = `${visibleText(name)} · viewstream`;
const stream = follow([name], { server: SERVER });
const view = stream.view(name);
const changes = new Changes();
const arrangement = new Arrangement();
const head = new TableHead(element("head"), element("table"), onOrder);
const rows = new VirtualRows(element("rows"), element("body"), (row) =>
  rowElement(row, view.columns, changes.of(row, performance.now())),
);
const repaint = new Repaint(paint);
const freshness = new Freshness();
const display = new StandingDisplay(stream.retry);
/** The server's clock is ahead of this computer's by so much. */
let offset = 0;
let age = null;
/** @type {readonly any[]} */
let shown = [];

/** The name at the end of `/views/NAME`. */
function nameOf(path) {
  const last = path.slice(path.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(last);
  } catch {
    return last; // no UTF-8: no view has such a name, and the server says so
  }
}

function paint() {
  if (view.loaded) {
    head.show(view.columns, view.snapshot());
    const filter = element("filter").value;
    shown = eachOnce(arrangement.update(view.snapshot(), view.columns, head.order, filter));
    rows.show(shown);
    freshness.painted(view.asOf, Date.now() + offset);
  }
  showCounts();
  showStanding();
}

/** A row that a view has twice is two rows here. */
function eachOnce(list) {
  const seen = new Set();
  return list.map((row) => {
    if (seen.has(row)) return { ...row };
    seen.add(row);
    return row;
  });
}

function showCounts() {
  const all = view.size;
  const filter = element("filter").value.trim();
  const text =
    filter === "" ? countText(all) : `${numbers.format(shown.length)} of ${countText(all)}`;
  setText(element("count"), view.loaded ? text : "");
  element("table").setAttribute("aria-rowcount", String(shown.length + 1));
  const isRefused = view.standing.state === "refused";
  const isEmpty = view.loaded && shown.length === 0;
  element("empty").hidden = !isEmpty && !isRefused;
  element("rows").hidden = element("tools").hidden = isRefused;
  const nothing = all === 0 ? "The view has no rows now." : "No row has these words.";
  setText(element("empty"), isRefused ? "There is nothing to see here." : nothing);
}

function countText(count) {
  return `${numbers.format(count)} ${count === 1 ? "row" : "rows"}`;
}

function showStanding() {
  const { retryAt } = stream;
  display.show(
    describe({
      standing: worst([view]),
      hasRows: view.loaded,
      asOf: view.asOf,
      age,
      wait: retryAt === null ? null : Math.max(0, retryAt - Date.now()),
      late: [],
    }),
  );
}

function onOrder() {
  repaint.now();
  say(head.description);
}

function say(text) {
  setText(element("said"), text);
}

async function copy() {
  const button = element("copy");
  try {
    await navigator.clipboard.writeText(toCsv(view.columns, shown));
    setText(button, "Copied");
    say(`Copied ${countText(shown.length)}`);
  } catch (error) {
    setText(button, "Not copied");
    say(`Not copied: ${error.message}`);
  }
  setTimeout(() => setText(button, "Copy as CSV"), 2_000);
}

function onKey(event) {
  const filter = element("filter");
  if (event.key === "Escape" && document.activeElement === filter) {
    filter.value = "";
    repaint.now();
    element("rows").focus();
  } else if (event.key === "/" && !event.ctrlKey && !event.metaKey && event.target !== filter) {
    event.preventDefault();
    filter.focus();
  }
}

/** The definition, which is small print: the rows are there without it. */
async function askDefinition() {
  const asked = Date.now();
  const response = await fetch(new URL("view/list", SERVER), { cache: "no-store" });
  offset = clockOffset(response.headers.get("Date"), asked, Date.now());
  if (!response.ok) return;
  const parent = name.replace(/\[.*$/s, "");
  const { views } = await response.json();
  const found = views.find((one) => one.name === name) ?? views.find((one) => one.name === parent);
  const { purpose, statement } = splitSql(found?.sql ?? "");
  setText(element("facts"), purpose || (found?.kind === "internal table" ? "Internal table" : ""));
  setText(element("sql"), statement);
  element("definition").hidden = statement === "";
}

setText(element("name"), visibleText(name));
view.onChange((change) => {
  changes.add(change, performance.now());
  repaint.soon();
});
view.onStanding(() => repaint.soon());
element("filter").addEventListener("input", () => repaint.now());
element("tools").addEventListener("submit", (event) => event.preventDefault());
element("copy").addEventListener("click", copy);
document.addEventListener("keydown", onKey);
setInterval(() => {
  age = freshness.read(Date.now() + offset);
  display.showAge(ageText(age));
  if (!document.hidden && view.loaded) freshness.painted(view.asOf, Date.now() + offset);
  showStanding();
}, 1_000);
pauseWhileHidden(stream);
askDefinition().catch((error) => console.info(`the server does not list views: ${error.message}`));
