/**
 * All views of a stream at one common time.
 *
 * Each view keeps the changes above the common frontier aside. That is the greatest frontier which
 * every view has reached and at which the rows of every view are known: a base and a folded delta
 * do not tell apart the times within their interval, so they count at `upper - 1`, and the common
 * frontier never lies inside of one.
 */

import { MAX_TIME } from "./messages.js";
import { addAll, sum } from "./multiset.js";

/** @import { CoreChange } from "./types/internal.js" */

/** Updates that a view keeps aside one by one; more are merged, and count at the last one's time. */
export const MAX_ASIDE = 100_000;

/** @param {CoreChange} change */
function startOfEngine({ epoch }) {
  return epoch.slice(0, Math.max(0, epoch.lastIndexOf("-")));
}

/** The changes of one view that are kept aside, in order. */
class Lane {
  /** @type {CoreChange[]} */
  #queue = [];
  #size = 0;
  /** The size at which the queue is merged. */
  #limit = MAX_ASIDE;
  /** The last change that was received; null before the first base. @type {?CoreChange} */
  newest = null;
  isExcluded = false;

  /** Updates and rows that are kept aside. */
  get size() {
    return this.#size;
  }

  /** @param {CoreChange} change */
  push(change) {
    const last = this.#queue.at(-1);
    this.newest = change;
    this.#size += sizeOf(change);
    if (change.lower === null || this.#size > this.#limit) {
      const merged = merge([...this.#queue, change]);
      this.#queue = [merged];
      this.#size = sizeOf(merged);
      this.#limit = Math.max(MAX_ASIDE, 2 * this.#size);
    } else if (change.updates?.length === 0 && last?.updates) {
      this.#queue[this.#queue.length - 1] = { ...last, rows: last.rows, upper: change.upper };
    } else {
      this.#queue.push(change);
    }
  }

  /**
   * The greatest frontier not above `frontier` at which the rows are known, or null.
   *
   * @param {number} frontier
   */
  knownAt(frontier) {
    const next = this.#queue.find((change) => !isBelow(change, frontier));
    const isKnown = !next || next.updates || next.lower === frontier;
    return isKnown ? frontier : next.lower && Math.min(next.lower, frontier);
  }

  /**
   * Take out everything below `frontier`, as one change; null if there is nothing.
   *
   * @param {number} frontier
   * @returns {?CoreChange}
   */
  take(frontier) {
    const index = this.#queue.findIndex((change) => !isBelow(change, frontier));
    const taken = this.#queue.splice(0, index < 0 ? this.#queue.length : index);
    const [next] = this.#queue;
    if (next?.updates && Number(next.lower) < frontier) {
      const [below, above] = split(next, frontier);
      taken.push(below);
      this.#queue[0] = above;
    }
    if (!taken.length) return null;
    this.#size = this.#queue.reduce((size, change) => size + sizeOf(change), 0);
    return merge(taken);
  }
}

/**
 * Merge successive changes of a view into one whose single times are not known.
 *
 * @param {CoreChange[]} changes at least one; a base comes first, or last
 * @returns {CoreChange}
 */
function merge(changes) {
  const [first, last] = /** @type {[CoreChange, CoreChange]} */ ([changes[0], changes.at(-1)]);
  const rows = new Map();
  for (const change of changes) addAll(rows, change.rows);
  return { ...last, lower: last.lower === null ? null : first.lower, rows, updates: null };
}

/** @param {CoreChange} change */
function sizeOf({ rows, updates }) {
  return 1 + rows.size + (updates?.length ?? 0);
}

/**
 * Whether a change counts wholly below `frontier`. The end of a view, if its times are not known,
 * counts at once: no later time is to come.
 *
 * @param {CoreChange} change
 * @param {number} frontier
 */
function isBelow({ upper, updates }, frontier) {
  return upper <= frontier || (updates === null && upper === MAX_TIME);
}

/**
 * Split a change whose times are known.
 *
 * @param {CoreChange} change
 * @param {number} frontier
 * @returns {[CoreChange, CoreChange]} what is below `frontier`, and the rest
 */
function split(change, frontier) {
  const updates = (change.updates ?? []).filter(([time]) => time >= Number(change.lower));
  const below = updates.filter(([time]) => time < frontier);
  const above = updates.filter(([time]) => time >= frontier);
  return [
    { ...change, upper: frontier, updates: below, rows: sum(below) },
    { ...change, lower: frontier, updates: above, rows: sum(above) },
  ];
}

export class CommonTime {
  /** @type {Map<string, Lane>} */
  #lanes = new Map();
  /** Every view shows all updates below it. @type {?number} */
  frontier = null;
  #engine = "";
  /** Whether all that is kept aside was above the frontier after the last advance. */
  #isSettled = false;

  /** @param {Iterable<string>} names */
  constructor(names) {
    for (const name of names) this.#lanes.set(name, new Lane());
  }

  /** @param {CoreChange} change */
  push(change) {
    if (isBelow(change, Number(this.frontier))) this.#isSettled = false;
    this.#lanes.get(change.view)?.push(change);
  }

  /** How many updates and rows are kept aside. */
  get aside() {
    return [...this.#lanes.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Set whether a view, such as one that is refused, does not count; returns whether that is new.
   *
   * @param {string} name
   * @param {boolean} isExcluded
   */
  exclude(name, isExcluded) {
    const lane = this.#lanes.get(name);
    if (!lane || lane.isExcluded === isExcluded) return false;
    lane.isExcluded = isExcluded;
    this.#isSettled = false;
    return true;
  }

  /**
   * Advance the common frontier as far as it goes; returns the change of each view that moved.
   *
   * @returns {CoreChange[]}
   */
  advance() {
    const lanes = [...this.#lanes.values()].filter(({ isExcluded }) => !isExcluded);
    // Most changes find a view that has not moved yet.
    const isBehind = (/** @type {Lane} */ { newest }) =>
      newest && newest.upper <= Number(this.frontier);
    if (this.#isSettled && lanes.some(isBehind)) return [];
    const frontier = this.#target(lanes);
    if (frontier === null) return [];
    const changes = lanes.map((lane) => lane.take(frontier)).filter((change) => change !== null);
    this.frontier = frontier;
    this.#isSettled = true;
    return changes;
  }

  /**
   * The next common frontier, or null if there is none yet.
   *
   * @param {Lane[]} lanes
   */
  #target(lanes) {
    const newest = lanes.flatMap((lane) => lane.newest ?? []);
    if (newest.length < lanes.length) return null;
    // Times of two starts of the engine are never compared.
    const engines = new Set(newest.map(startOfEngine));
    if (engines.size !== 1) return null;
    const [engine = ""] = engines;
    const target = knownByAll(lanes, Math.min(...newest.map(({ upper }) => upper)));
    if (target === null || (engine === this.#engine && target < Number(this.frontier))) return null;
    this.#engine = engine;
    return target;
  }
}

/**
 * The greatest frontier not above `frontier` at which the rows of all views are known, or null.
 *
 * @param {Lane[]} lanes
 * @param {number} frontier
 * @returns {?number}
 */
function knownByAll(lanes, frontier) {
  const known = lanes.reduce(
    (/** @type {?number} */ least, lane) => (least === null ? null : lane.knownAt(least)),
    frontier,
  );
  return known === null || known === frontier ? known : knownByAll(lanes, known);
}
