/** One view as a page sees it: its rows, where it stands, and what to call when that changes. */

import { Listeners } from "./listeners.js";
import { ViewState } from "./state.js";
import { rowReader } from "./values.js";

/** The frontier of a view that can no longer change. */
const MAX_TIME = Number.MAX_SAFE_INTEGER;

/**
 * What changed in a view from one consistent point to the next.
 *
 * `lower` is the frontier before (null: a base replaced everything), `upper` the one now.
 * `inserted` and `deleted` list rows as objects, a row that came twice twice; a row whose values
 * changed is in both, once with the old and once with the new ones.
 */
class Change {
  #came;
  #went;

  /** `came` and `went` are functions that list rows: most readers want only one of them. */
  constructor({ view, epoch, lower, upper }, came, went) {
    this.view = view;
    this.epoch = epoch;
    this.lower = lower;
    this.upper = upper;
    this.#came = came;
    this.#went = went;
  }

  get inserted() {
    return this.#came();
  }

  get deleted() {
    return this.#went();
  }
}

/** Rows of a multiset as objects, those with weights of that sign, each as often as it is there. */
function expand(rows, sign, read) {
  const list = [];
  for (const { row, weight } of rows.values()) {
    for (let copy = 0; copy < weight * sign; copy += 1) list.push(read(row));
  }
  return list;
}

/**
 * Made by `follow`; `columns`, `rows()` and `position` are always of one consistent point, and of
 * the latest: `change.inserted` and the like are to be read within the listener.
 */
export class View {
  #changes = new Listeners();
  #standings = new Listeners();
  #standing = { state: "connecting", reason: "" };
  #columns = [];
  #rows = new Map();
  #read = rowReader([]);

  constructor(name) {
    this.name = name;
    /** The core's state: for the stream only. */
    this.core = new ViewState(name);
    /** Whether a base has ever come, so that "no rows" means "the view is empty". */
    this.loaded = false;
    this.position = null;
  }

  /** `[{name, type}]`, in the view's order. */
  get columns() {
    return this.#columns;
  }

  /** How many rows there are; one that is there twice counts twice. */
  get size() {
    let size = 0;
    for (const { weight } of this.#rows.values()) size += Math.max(0, weight);
    return size;
  }

  /** The rows as objects, typed by `values.js`; in no order, as in SQL. */
  rows() {
    return expand(this.#rows, 1, this.#read);
  }

  /**
   * The time of the engine, in milliseconds since 1970, up to which the rows are known: null
   * before the first base, Infinity when the view can no longer change.
   */
  get asOf() {
    if (this.position === null) return null;
    return this.position.frontier === MAX_TIME ? Infinity : this.position.frontier;
  }

  /**
   * How things stand: `{state, reason}`, with state one of
   *
   *     connecting   no connection: what there is to see grows old
   *     waiting      connected, but the server has no rows yet, or none that it vouches for
   *     stale        connected, but nothing new reaches the server
   *     unverified   live, but the rows' checksum is not the server's
   *     live
   *     closed       by the page
   */
  get standing() {
    return this.#standing;
  }

  /**
   * Call `listener(change)` at each consistent point; also at once, with all rows as inserted, if
   * there are some already. Returns a function that ends it.
   */
  onChange(listener) {
    const stop = this.#changes.add(listener);
    if (this.loaded) {
      const { epoch, frontier: upper } = this.position;
      const all = { view: this.name, epoch, lower: null, upper };
      listener(new Change(all, () => this.rows(), () => []));
    }
    return stop;
  }

  /** Call `listener(standing)` now and whenever `standing` changes. Returns a function to stop. */
  onStanding(listener) {
    const stop = this.#standings.add(listener);
    listener(this.#standing);
    return stop;
  }

  /** For the stream: the core has taken a message, and this is what it did. */
  moved(change) {
    const [columns, rows, read] = [this.#columns, this.#rows, this.#read];
    this.#columns = this.core.columns;
    this.#rows = this.core.rows;
    if (this.#columns !== columns) this.#read = rowReader(this.#columns);
    this.loaded = true;
    this.position = { epoch: change.epoch, frontier: change.upper };
    // Under other columns even the same texts are other rows.
    const comparable =
      this.#columns === columns || JSON.stringify(this.#columns) === JSON.stringify(columns);
    const came = comparable ? change.rows : this.#rows;
    const went = comparable ? change.rows : rows;
    this.#changes.call(
      new Change(
        change,
        () => expand(came, 1, this.#read),
        () => expand(went, comparable ? -1 : 1, read),
      ),
    );
  }

  /** For the stream: the connection is "connecting", "open" or "closed". */
  connection(state) {
    const standing = state === "open" ? this.#whenOpen() : { state, reason: "" };
    const { state: before, reason } = this.#standing;
    if (standing.state === before && standing.reason === reason) return;
    this.#standing = standing;
    this.#standings.call(standing);
  }

  #whenOpen() {
    const { status, held, unverified } = this.core;
    if (status?.state === "waiting" || status?.state === "stale") return { ...status };
    if (held === null) return { state: "waiting", reason: status?.reason ?? "" };
    return { state: unverified ? "unverified" : "live", reason: "" };
  }
}
