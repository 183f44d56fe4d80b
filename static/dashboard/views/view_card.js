/** One view in the list: what it is, how it is, and its SQL. */

import { append, setText } from "../site/dom.js";
import { visibleText } from "../site/safe_text.js";
import { duration, reasonText } from "../site/texts.js";

const FACTS = [
  ["rows", "Rows"],
  ["lag", "Lag"],
  ["frontier", "Frontier"],
  ["clients", "Clients"],
];
const numbers = new Intl.NumberFormat("en-US");

export class ViewCard {
  element = document.createElement("li");
  #state;
  #facts = new Map();
  #purpose;
  #columns;
  #details;
  #sql;
  #shownColumns = "";

  /** @param {string} name */
  constructor(name) {
    this.element.className = "view-card panel";
    const head = append(this.element, "div", "view-head");
    const title = append(head, "h3");
    const link = append(title, "a");
    link.href = `views/${encodeURIComponent(name)}`;
    appendName(append(link, "bdi"), visibleText(name));
    this.#state = append(head, "span", "view-state");
    this.#purpose = append(this.element, "p", "purpose");
    const facts = append(this.element, "dl", "facts");
    for (const [key, label] of FACTS) {
      const pair = append(facts, "div");
      append(pair, "dt").textContent = label;
      this.#facts.set(key, append(pair, "dd"));
    }
    this.#columns = append(this.element, "ul", "columns");
    this.#columns.setAttribute("aria-label", "Columns");
    this.#details = append(this.element, "details", "sql");
    append(this.#details, "summary").textContent = "SQL";
    this.#sql = append(append(this.#details, "pre"), "code");
  }

  /**
   * @param {any} view an entry of the server's list
   * @param {number} time the server's
   */
  show(view, time) {
    const { purpose, statement } = splitSql(view.sql ?? "");
    setText(this.#purpose, purpose || (view.kind === "internal table" ? "Internal table" : ""));
    this.#purpose.hidden = this.#purpose.textContent === "";
    setText(this.#sql, statement);
    this.#details.hidden = statement === "";
    setText(this.#state, stateText(view));
    this.#state.dataset.state = view.state;
    setText(this.#facts.get("rows"), view.rows === null ? "–" : numbers.format(view.rows));
    setText(this.#facts.get("lag"), lagText(view.frontier, time));
    setText(this.#facts.get("frontier"), view.frontier === null ? "–" : String(view.frontier));
    setText(this.#facts.get("clients"), numbers.format(view.clients));
    this.#showColumns(view.columns ?? []);
  }

  #showColumns(columns) {
    const text = JSON.stringify(columns);
    if (text === this.#shownColumns) return;
    this.#shownColumns = text;
    this.#columns.replaceChildren();
    for (const { name, type } of columns) {
      const item = append(this.#columns, "li");
      append(item, "bdi").textContent = visibleText(name);
      append(item, "span", "type").textContent = ` ${type}`;
    }
  }
}

/** Append a long name, which may be broken after an underscore. @param {HTMLElement} place @param {string} name */
function appendName(place, name) {
  for (const part of name.split(/(?<=_)/)) place.append(part, document.createElement("wbr"));
}

/** A state and, if something is wrong, what. */
function stateText({ state, problem }) {
  const because = reasonText(problem ?? "");
  return because === "" ? state : `${state}: ${because}`;
}

/** The last time that is a view's for ever: it can no longer change. */
const END = 2 ** 53 - 2;

function lagText(frontier, time) {
  if (frontier === null) return "–";
  return frontier >= END ? "none, it has ended" : duration(Math.max(0, time - frontier));
}

/**
 * The comments of a statement, as one text, and the statement without them. Comments in a line of
 * their own are meant; a database that keeps none shows none.
 *
 * @param {string} sql
 */
export function splitSql(sql) {
  const lines = sql.trim().split("\n");
  const isComment = (line) => line.startsWith("--");
  const comments = lines.filter(isComment).map((line) => line.replace(/^--\s*/, ""));
  return {
    purpose: comments.join(" "),
    statement: lines.filter((line) => !isComment(line)).join("\n"),
  };
}
