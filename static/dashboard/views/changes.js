/** What changed in the rows of a view lately, so that it can flash. Pure but for the clock's time. */

/** How long a change may wait for its paint; milliseconds. */
const FRESH = 1_000;
/** Where more rows than this change in a second, none flashes: all would, and tell nothing. */
const MANY = 60;

/** @typedef {Record<string, unknown>} Row */

/**
 * The changes of the last second, by row: which columns changed, or null for a row that is new.
 */
export class Changes {
  /** @type {Map<string, { at: number, columns: ?Set<string> }>} */
  #fresh = new Map();
  #tooManyUntil = -Infinity;

  /**
   * @param {{ inserted: readonly Row[], deleted: readonly Row[], lower: ?number }} change
   * @param {number} now
   */
  add({ inserted, deleted, lower }, now) {
    this.#forget(now);
    if (lower === null) return;
    if (inserted.length > MANY) this.#tooManyUntil = now + FRESH;
    if (now < this.#tooManyUntil) return;
    const gone = indexByFirst(deleted);
    for (const row of inserted) {
      const before = gone.get(firstOf(row))?.pop();
      this.#fresh.set(keyOf(row), { at: now, columns: before ? differing(before, row) : null });
    }
  }

  /**
   * What is new in a row: the names of its changed columns, null if all of it is, or undefined.
   *
   * @param {Row} row
   * @param {number} now
   */
  of(row, now) {
    this.#forget(now);
    if (this.#fresh.size === 0 || this.#fresh.size > MANY) return undefined;
    return this.#fresh.get(keyOf(row))?.columns;
  }

  #forget(now) {
    for (const [key, { at }] of this.#fresh) {
      if (now - at < FRESH) break; // in the order of their times
      this.#fresh.delete(key);
    }
  }
}

/** Of an unkeyed view the first column tells which row became which. */
function indexByFirst(rows) {
  /** @type {Map<string, Row[]>} */
  const index = new Map();
  for (const row of rows) {
    const key = firstOf(row);
    const same = index.get(key);
    if (same) same.push(row);
    else index.set(key, [row]);
  }
  return index;
}

function firstOf(row) {
  const [first, ...others] = Object.values(row);
  return others.length === 0 ? "" : String(first); // one column: its value changed
}

function keyOf(row) {
  return Object.values(row).map(String).join("\u0000");
}

function differing(before, after) {
  return new Set(Object.keys(after).filter((name) => before[name] !== after[name]));
}
