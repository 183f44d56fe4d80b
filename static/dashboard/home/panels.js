/** The panels of the page: each shows the rows of its views, and is not there without them. */

import { setText } from "../site/dom.js";
import { timeText } from "../site/texts.js";
import {
  accountsOf,
  createAccount,
  createEdit,
  createWar,
  updateAccount,
  updateWar,
} from "./edit_items.js";
import { SHOWN as EDITS, Feed, keyOf, newestFirst } from "./feed.js";
import { SHOWN as LANGUAGES, makeLanguages } from "./languages.js";
import { countOf } from "./numbers.js";
import { PeopleAndBots } from "./people_and_bots.js";
import { Race } from "./race.js";
import { RankedList } from "./ranked_list.js";
import { Total } from "./total.js";

/** The views that the page follows, as it calls them to its visitors. */
export const LABELS = {
  counter: "The number of edits",
  edits_per_second: "The chart of the last minutes",
  top10: "The ranking of all time",
  top10_hour: "The ranking of the last hour",
  top10_5min: "The ranking of the last five minutes",
  edits_by_language: "The list of languages",
  editors: "The share of people and bots",
  latest_edits: "The list of the latest edits",
  new_accounts: "The list of new accounts",
  biggest_changes: "The list of the biggest changes",
  edit_wars: "The list of disputed pages",
};
export const VIEWS = Object.keys(LABELS);

/** No list has more items. */
const LONGEST = 7;

const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const list = (id) => /** @type {HTMLElement} */ (element(id).querySelector("ol"));

/**
 * @typedef {object} Panel
 * @property {string} id
 * @property {{root: HTMLElement, empty: ?HTMLElement, note: ?HTMLElement}} parts
 * @property {() => string} view whose rows are shown
 * @property {string[]} views by which the panel may be filled
 * @property {(rows: readonly any[], now: number) => number} show returns how many rows there are
 */

export class Panels {
  #shown;
  #race;
  /** @type {Panel[]} */
  #panels;
  /** The rows that each panel shows. */
  #painted = new Map();
  /** The time in the past that is painted; null is live. */
  #past = null;
  /** How much of the past was known then. */
  #generation = 0;
  #isPaused = false;

  /** @param {import("./shown.js").Shown} shown @param {() => void} paintSoon */
  constructor(shown, paintSoon) {
    this.#shown = shown;
    const fields = /** @type {HTMLFieldSetElement} */ (element("race-switch"));
    this.#race = new Race(list("race"), fields, paintSoon);
    this.#panels = [
      this.#totalPanel(),
      panelOf("timeline", "edits_per_second", (rows) => rows.length), // drawn by `TimeTravel`
      this.#racePanel(),
      this.#languagesPanel(),
      this.#peoplePanel(),
      this.#tickerPanel(),
      this.#listPanel(
        "accounts",
        "new_accounts",
        accountsOf,
        ({ user }) => JSON.stringify(user),
        createAccount,
        updateAccount,
      ),
      this.#listPanel("biggest", "biggest_changes", biggestFirst, keyOf, createEdit, () => {}),
      this.#listPanel(
        "wars",
        "edit_wars",
        mostEditsFirst,
        ({ wiki, title }) => JSON.stringify([wiki, title]),
        createWar,
        updateWar,
      ),
    ];
    element("pause").addEventListener("click", ({ currentTarget }) => {
      this.#isPaused = !this.#isPaused;
      currentTarget.setAttribute("aria-pressed", String(this.#isPaused));
    });
  }

  /**
   * Paint the panels whose rows have changed.
   *
   * @param {number} now
   * @param {boolean} isTick whether all panels are painted, as time has passed
   */
  show(now, isTick = false) {
    const { isLive, time, generation } = this.#shown;
    const past = isLive ? null : time;
    const isOtherTime = past !== this.#past || (!isLive && generation !== this.#generation);
    if (!isLive && !isOtherTime) return;
    this.#past = past;
    this.#generation = generation;
    const served = new Set(this.#shown.served.map(({ name }) => name));
    const late = new Map(this.#shown.late.map((view) => [view.name, view]));
    for (const panel of this.#panels) {
      panel.parts.root.hidden = !panel.views.some((view) => served.has(view));
      this.#showNote(panel, late.get(panel.view()));
      this.#paint(panel, now, isTick || isOtherTime);
    }
    document.body.toggleAttribute("data-known", this.#shown.isKnown);
  }

  /** @param {Panel} panel @param {number} now @param {boolean} isForced */
  #paint(panel, now, isForced) {
    const rows = this.#shown.rows(panel.view());
    const isSame = this.#painted.get(panel.id) === rows;
    if (isSame && !isForced) return;
    this.#painted.set(panel.id, rows);
    const count = panel.show(rows ?? [], now);
    const { empty } = panel.parts;
    if (empty === null) return;
    const isUnknown = rows === null;
    setText(empty, isUnknown ? this.#unknownText : empty.dataset.text);
    empty.hidden = !isUnknown && count > 0;
  }

  get #unknownText() {
    return this.#shown.isLive ? "Waiting for the first rows." : "Not known at this time.";
  }

  /** Say in the panel itself that it has stopped. */
  #showNote({ parts: { root, note } }, late) {
    if (note === null) return;
    const text =
      late === undefined
        ? ""
        : late.asOf === null
          ? "no rows yet"
          : `stopped at ${timeText(late.asOf)}`;
    setText(note, text);
    root.toggleAttribute("data-late", late !== undefined);
  }

  /** Whether the order must be the true one, as the page shows another time. */
  get #isAtOnce() {
    return !this.#shown.isLive;
  }

  #totalPanel() {
    const total = new Total(element("count"), element("since"));
    return panelOf("total", "counter", (rows) =>
      total.show(rows, this.#shown.time, this.#shown.isLive),
    );
  }

  #racePanel() {
    const views = ["top10_5min", "top10_hour", "top10"];
    return {
      id: "race",
      parts: partsOf("race"),
      views,
      view: () => {
        this.#race.offer(new Set(this.#shown.served.map(({ name }) => name)));
        return this.#race.view;
      },
      show: (rows, now) => this.#race.show(rows, now, this.#isAtOnce),
    };
  }

  #languagesPanel() {
    const languages = makeLanguages(list("languages"));
    return panelOf("languages", "edits_by_language", (rows, now) => {
      const count = languages.show(rows, now, this.#isAtOnce);
      const more = count - LANGUAGES;
      setText(element("more-languages"), more > 0 ? `and ${countOf(more, "more language")}` : "");
      return count;
    });
  }

  #peoplePanel() {
    const split = new PeopleAndBots(element("people"));
    return panelOf("people", "editors", (rows) => split.show(rows));
  }

  #tickerPanel() {
    const feed = new Feed();
    const items = new RankedList(list("ticker"), {
      size: EDITS,
      entry: -1,
      create: createEdit,
      update: () => {},
    });
    return panelOf("ticker", "latest_edits", (rows, now) => {
      const isStill = this.#isPaused || element("ticker").matches(":hover, :has(a:focus-visible)");
      if (this.#shown.isLive && isStill && items.size > 0) return rows.length;
      const edits = this.#shown.isLive ? feed.next(rows, now) : newestFirst(rows).slice(0, EDITS);
      items.show(edits.map(keyOf), new Map(edits.map((row) => [keyOf(row), row])));
      return rows.length;
    });
  }

  #listPanel(id, view, order, keyOf, create, update) {
    const items = new RankedList(list(id), { size: LONGEST, create, update });
    let size = sizeOf(list(id));
    addEventListener("resize", () => {
      size = sizeOf(list(id));
    });
    return panelOf(id, view, (rows) => {
      const top = order(rows).slice(0, size);
      items.show(top.map(keyOf), new Map(top.map((row) => [keyOf(row), row])));
      return top.length;
    });
  }
}

/** How many items of a list can be seen, as the style has it. @param {Element} element */
function sizeOf(element) {
  return Number(getComputedStyle(element).getPropertyValue("--size"));
}

/** @returns {Panel} */
function panelOf(id, view, show) {
  return { id, parts: partsOf(id), view: () => view, views: [view], show };
}

/** The elements of a panel that all panels have: a text for no rows, and a note that it is late. */
function partsOf(id) {
  const root = element(id);
  const part = (name) => /** @type {?HTMLElement} */ (root.querySelector(name));
  return { root, empty: part(".empty"), note: part(".late") };
}

function biggestFirst(rows) {
  const size = ({ bytes }) => Math.abs(Number(bytes ?? 0));
  return [...rows].sort((a, b) => size(b) - size(a) || (a.id < b.id ? -1 : 1));
}

function mostEditsFirst(rows) {
  return [...rows].sort(
    (a, b) =>
      Number(b.edits) - Number(a.edits) ||
      Number(b.people) - Number(a.people) ||
      (a.title < b.title ? -1 : 1),
  );
}
