/** One view as a page sees it: its rows, their position, and listeners for changes. */

import { listEntries, listRows, makeReader, ViewChange } from "./change.js";
import { Listeners } from "./listeners.js";
import { MAX_TIME } from "./messages.js";
import { addAll } from "./multiset.js";
import { NO_ROWS, RowTable } from "./table.js";

/** @import { Change, Column, Int8, Position, Standing, State } from "./types/index.js" */
/** @import { CoreChange, Rows } from "./types/internal.js" */
/** @import { Side } from "./change.js" */
/** @import { History } from "./history.js" */
/** @import { ViewState } from "./state.js" */

/**
 * @typedef {object} ViewOptions
 * @property {Int8} int8
 * @property {readonly string[]} key
 * @property {?History} history
 * @property {() => View} together the same view at the stream's common time
 */

/** Made by the stream, which alone calls `apply`, `announce` and `setStanding`. */
export class View {
  #core;
  #options;
  #changes = new Listeners();
  #standings = new Listeners();
  #subscribers = new Listeners();
  /** @type {Standing} */
  #standing;
  /** @type {readonly Column[]} */
  #columns = [];
  /** @type {Rows} */
  #rows = new Map();
  #size = 0;
  #reader;
  /** Made when the rows are read the first time. @type {?RowTable} */
  #table = null;
  /** What `announce` has to report. @type {?ViewChange} */
  #change = null;
  #hasNewRows = false;
  /** Whether a base has come; until then, no rows do not mean an empty view. */
  loaded = false;
  /** @type {?Position} */
  position = null;

  /**
   * @param {ViewState} core
   * @param {ViewOptions} options
   * @param {number} now
   */
  constructor(core, options, now) {
    this.name = core.view;
    this.#core = core;
    this.#options = options;
    this.#standing = { state: "connecting", reason: "", since: now };
    this.#reader = makeReader(this.name, [], options.int8, options.key);
  }

  /** Make another view of the same rows, which has not shown any yet. */
  twin() {
    const twin = new View(this.#core, this.#options, 0);
    twin.#standing = this.#standing;
    return twin;
  }

  get columns() {
    return this.#columns;
  }

  get size() {
    return this.#size;
  }

  get asOf() {
    if (this.position === null) return null;
    return this.position.frontier === MAX_TIME ? Infinity : this.position.frontier;
  }

  get standing() {
    return this.#standing;
  }

  get kept() {
    return this.#options.history?.kept ?? null;
  }

  /** A new array of the rows. */
  rows = () => this.snapshot().toArray();

  /** @returns {Side} */
  get #shown() {
    return { rows: this.#rows, sign: 1, reader: this.#reader };
  }

  /** Each row once, with how often it is there. */
  entries = () => listEntries(this.#shown, 1);

  /** The rows; the same object until a row changes. */
  snapshot = () => {
    if (!this.loaded) return NO_ROWS;
    this.#table ??= new RowTable(this.#rows, this.#reader);
    return this.#table.snapshot();
  };

  /** @param {number} time */
  at = (time) => {
    const rows = this.#options.history?.at(time, this.#core.rows);
    return rows ? listRows(rows, 1).map(this.#reader.read) : null;
  };

  /** @param {() => void} callback */
  subscribe = (callback) => this.#subscribers.add(callback);

  /**
   * Call `listener(change)` at each consistent point; at once, with all rows as inserted, if there
   * are rows already. Returns a function that removes the listener.
   *
   * @param {(change: Change<any>) => void} listener
   * @returns {() => void}
   */
  onChange = (listener, { together = false } = {}) => {
    const view = together ? this.#options.together() : this;
    if (view !== this) return view.onChange(listener);
    const remove = this.#changes.add(listener);
    if (this.position !== null) {
      const { epoch, frontier: upper } = this.position;
      const change = { view: this.name, epoch, lower: null, upper };
      /** @type {Side} */
      const nothing = { rows: new Map(), sign: -1, reader: this.#reader };
      listener(new ViewChange(change, this.#shown, nothing));
    }
    return remove;
  };

  /**
   * Call `listener(standing)` now and whenever it changes. Returns a function that removes it.
   *
   * @param {(standing: Standing) => void} listener
   */
  onStanding = (listener) => {
    const remove = this.#standings.add(listener);
    listener(this.#standing);
    return remove;
  };

  /**
   * Show a change, without calling anybody.
   *
   * @param {CoreChange} change
   * @param {?Rows} rows the rows after the change, if they are at the same frontier; they are not
   *     copied, so they must not change before the next call
   */
  apply(change, rows) {
    const before = this.#shown;
    const isComparable =
      change.columns === this.#columns ||
      JSON.stringify(change.columns) === JSON.stringify(this.#columns);
    this.#columns = change.columns;
    if (!isComparable) {
      // Under other columns even the same texts are other rows.
      before.rows = new Map(this.#rows);
      const { int8, key } = this.#options;
      this.#reader = makeReader(this.name, change.columns, int8, key);
      this.#table = null;
    }
    if (rows === null) addAll(this.#rows, change.rows);
    else this.#rows = rows;
    this.#table?.apply(change.rows, this.#rows);
    this.#resize(change.rows);
    this.#hasNewRows = change.rows.size > 0 || !isComparable || !this.loaded;
    this.loaded = true;
    this.position = { epoch: change.epoch, frontier: change.upper };
    this.#change = isComparable
      ? new ViewChange(
          change,
          { rows: change.rows, sign: 1, reader: this.#reader },
          { rows: change.rows, sign: -1, reader: this.#reader },
        )
      : new ViewChange(change, this.#shown, before);
  }

  /** Call the listeners about what `apply` did. */
  announce() {
    const change = this.#change;
    const hasNewRows = this.#hasNewRows;
    this.#change = null;
    if (change === null) return;
    this.#changes.call(change);
    if (hasNewRows) this.#subscribers.call();
  }

  /** The change that `announce` will report. */
  get change() {
    return this.#change;
  }

  /** @param {Rows} change */
  #resize(change) {
    for (const [key, weight] of change) {
      const now = this.#rows.get(key) ?? 0;
      this.#size += Math.max(0, now) - Math.max(0, now - weight);
    }
  }

  /**
   * @param {State} state
   * @param {string} reason
   * @param {number} since
   */
  setStanding(state, reason, since) {
    if (state === this.#standing.state && reason === this.#standing.reason) return;
    const isSame = state === this.#standing.state;
    this.#standing = { state, reason, since: isSame ? this.#standing.since : since };
    this.#standings.call(this.#standing);
    this.#subscribers.call();
  }
}
