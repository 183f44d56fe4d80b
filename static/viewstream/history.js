/** The recent past of a view, so that it can be read at any kept time. */

import { MAX_TIME } from "./messages.js";
import { add, addAll, sum } from "./multiset.js";

/** @import { CoreChange, PastChanges, PastGap, Rows, Update } from "./types/internal.js" */

/** What an update costs in memory beside the text of its row. Bytes, estimated. */
const OVERHEAD = 120;
/**
 * A copy of the rows is kept for so many updates, or for as many as there are rows: a time long ago
 * is as cheap to read as one just now.
 */
const STRIDE = 2_000;

/**
 * A change from frontier `lower` to `upper`. With `updates` the times between can be read, too;
 * without (a base, or a folded delta) only its two ends are known.
 *
 * @typedef {object} Entry
 * @property {number} lower
 * @property {number} upper
 * @property {?readonly Update[]} updates
 * @property {Rows} rows
 * @property {number} bytes
 * @property {?Rows} after the rows at `upper`, if they are kept
 */

export class History {
  #time;
  #bytes;
  #stride;
  /** @type {Entry[]} */
  #entries = [];
  #size = 0;
  #epoch = "";
  #frontier = 0;
  /** Updates since rows were copied. */
  #uncopied = 0;

  /**
   * @param {number} time how long changes are kept, in milliseconds of the engine's clock
   * @param {number} bytes about how much memory they may take
   * @param {number} stride how many updates are between two copies of the rows
   */
  constructor(time, bytes, stride = STRIDE) {
    this.#time = time;
    this.#bytes = bytes;
    this.#stride = stride;
  }

  /** The oldest and the newest time that can be read; null before the first base. */
  get kept() {
    if (this.#epoch === "") return null;
    return { from: (this.#entries[0]?.lower ?? this.#frontier) - 1, to: this.#frontier - 1 };
  }

  /**
   * Record what a message changed. The past of another epoch is dropped.
   *
   * @param {CoreChange} change
   * @param {Rows} after the rows after it
   */
  record({ epoch, upper, rows, updates }, after) {
    if (epoch === this.#epoch) this.#push(this.#frontier, upper, rows, updates);
    else this.#entries = [];
    if (this.#entries.length === 0) this.#size = 0;
    this.#epoch = epoch;
    this.#frontier = upper;
    this.#copy(after);
    this.#trim();
  }

  /**
   * Compute the rows at a time from the rows now, or null if that time is not kept.
   *
   * @param {number} time
   * @param {Rows} rows
   * @returns {?Rows}
   */
  at(time, rows) {
    const { kept } = this;
    if (kept === null || !(time >= kept.from && time <= kept.to)) return null;
    const entries = this.#entries.slice(this.#firstAfter(time));
    // From the first copy at or after that time, or else from the rows now, back.
    const copied = entries.findIndex(({ after }) => after);
    const past = new Map(entries[copied]?.after ?? rows);
    for (const entry of (copied < 0 ? entries : entries.slice(0, copied + 1)).reverse()) {
      if (entry.lower > time) addAll(past, entry.rows, -1);
      else if (entry.updates === null) return null;
      else undo(past, entry, time);
    }
    return past;
  }

  /**
   * The last interval at or after a time whose single changes are not known; null if there is none.
   *
   * @param {number} since
   * @returns {?PastGap}
   */
  missing(since) {
    if (this.#epoch === "" || this.#frontier === MAX_TIME) return null;
    const from = Math.max(since + 1, this.#frontier - this.#time, 0);
    const hole = this.#entries.filter(isHole).at(-1);
    if (hole && hole.upper > from) {
      return { epoch: this.#epoch, upper: hole.upper, since: Math.max(from, hole.lower) };
    }
    const oldest = this.#entries[0]?.lower ?? this.#frontier;
    return oldest > from ? { epoch: this.#epoch, upper: oldest, since: from } : null;
  }

  /**
   * Fill the end of a gap with the changes that the server has of it. They are taken back from the
   * rows after them: where that does not fit, they are of another past, and nothing is filled.
   *
   * @param {PastChanges} past
   * @param {Rows} rows now
   */
  fill({ epoch, lower, upper, deltas }, rows) {
    const index = this.#entries.findIndex((entry) => isHole(entry) && entry.upper === upper);
    const hole = this.#entries[index];
    const oldest = this.#entries[0]?.lower ?? this.#frontier;
    if (epoch !== this.#epoch || lower >= upper || (!hole && oldest !== upper)) return;
    const past = this.at(upper - 1, rows);
    if (past === null) return;
    const from = Math.max(lower, hole?.lower ?? 0);
    const filled = this.#takeBack(deltas, from, upper, past);
    const rest = new Map(hole?.rows);
    if (hole) for (const entry of filled) addAll(rest, entry.rows, -1);
    const isOther = hole?.lower === from && rest.size > 0;
    if (isOther || [...past.values()].some((weight) => weight < 0)) return;
    if (hole && hole.lower < from) filled.unshift(makeEntry(hole.lower, from, rest, null));
    this.#entries.splice(Math.max(0, index), hole ? 1 : 0, ...filled);
    this.#size = this.#entries.reduce((size, { bytes }) => size + bytes, 0);
    this.#trim();
  }

  /**
   * Make entries of deltas, from the last to the first; `rows` become those before them.
   *
   * @param {PastChanges["deltas"]} deltas
   * @param {number} lower
   * @param {number} upper
   * @param {Rows} rows
   */
  #takeBack(deltas, lower, upper, rows) {
    const entries = [];
    let uncopied = 0;
    for (let end = upper, at = deltas.length - 1; end > lower; at -= 1) {
      const begin = at > 0 ? Math.max(lower, Number(deltas[at - 1]?.upper)) : lower;
      const all = deltas[at]?.updates ?? [];
      const updates = all.filter(([time]) => time >= begin && time < end);
      const entry = makeEntry(begin, end, sum(updates), updates);
      if (uncopied >= Math.max(this.#stride, rows.size)) {
        keepRows(entry, rows);
        uncopied = 0;
      }
      uncopied += updates.length;
      addAll(rows, entry.rows, -1);
      entries.unshift(entry);
      end = begin;
    }
    return entries;
  }

  /**
   * @param {number} lower
   * @param {number} upper
   * @param {Rows} rows
   * @param {?readonly Update[]} updates
   */
  #push(lower, upper, rows, updates) {
    const last = this.#entries.at(-1);
    const isEmpty = updates?.length === 0;
    if (isEmpty && last?.updates?.length === 0) {
      last.upper = upper;
      return;
    }
    const entry = makeEntry(lower, upper, rows, updates);
    this.#entries.push(entry);
    this.#size += entry.bytes;
    this.#uncopied += updates?.length ?? rows.size;
  }

  /** @param {Rows} rows that are now */
  #copy(rows) {
    const entry = this.#entries.at(-1);
    if (!entry || this.#uncopied < Math.max(this.#stride, rows.size)) return;
    this.#uncopied = 0;
    this.#size += keepRows(entry, rows);
  }

  /** The index of the first entry that ends after a time. @param {number} time */
  #firstAfter(time) {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (/** @type {Entry} */ (this.#entries[middle]).upper <= time + 1) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Drop what is too old or too much, oldest first. */
  #trim() {
    const oldest = this.#frontier === MAX_TIME ? 0 : this.#frontier - this.#time;
    let count = 0;
    for (const { upper, bytes } of this.#entries) {
      if (upper > oldest && this.#size <= this.#bytes) break;
      this.#size -= bytes;
      count += 1;
    }
    this.#entries.splice(0, count);
  }
}

/**
 * @param {number} lower
 * @param {number} upper
 * @param {Rows} rows
 * @param {?readonly Update[]} updates
 * @returns {Entry}
 */
function makeEntry(lower, upper, rows, updates) {
  let bytes = OVERHEAD;
  for (const key of rows.keys()) bytes += 2 * key.length + OVERHEAD;
  // Each update of the row's history is kept, not only their sum.
  bytes *= Math.max(1, (updates?.length ?? 0) / Math.max(1, rows.size));
  return { lower, upper, updates, rows, bytes, after: null };
}

/**
 * Keep a copy of the rows after an entry; returns the bytes that it takes.
 *
 * @param {Entry} entry
 * @param {Rows} rows
 */
function keepRows(entry, rows) {
  const bytes = OVERHEAD * rows.size;
  entry.after = new Map(rows);
  entry.bytes += bytes;
  return bytes;
}

/** @param {Entry} entry */
function isHole({ updates }) {
  return updates === null;
}

/**
 * Take back the updates of an entry that came after `time`.
 *
 * @param {Rows} rows
 * @param {Entry} entry
 * @param {number} time
 */
function undo(rows, { lower, updates }, time) {
  for (const [when, diff, row] of updates ?? []) {
    if (when > time && when >= lower) add(rows, JSON.stringify(row), -diff);
  }
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Read a duration: milliseconds, or a text such as "90s", "5m", "1h".
 *
 * @param {string | number} duration
 */
export function milliseconds(duration) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(String(duration));
  const unit = /** @type {keyof typeof UNITS} */ (match?.[2]);
  const value = match ? Number(match[1]) * UNITS[unit] : duration;
  if (!(typeof value === "number" && value >= 0))
    throw new Error(`expected a duration such as "5m", found ${duration}`);
  return value;
}
