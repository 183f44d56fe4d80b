/**
 * The rows of a view as objects, and snapshots of them. A snapshot never changes, and shares with
 * others all blocks in which no row has changed, so that it costs as much as the change.
 */

import { SLICE } from "./multiset.js";

/** @import { Reader } from "./change.js" */
/** @import { Snapshot } from "./types/index.js" */
/** @import { Rows } from "./types/internal.js" */

/** Rows of a block; a snapshot costs the blocks that have changed, and a list of all blocks. */
const BLOCK = 256;

/** Looks up everything that an array has and a snapshot has not, such as `[3]` or `map`. */
const ARRAY = new Proxy(Array.prototype, {
  get(target, name, snapshot) {
    if (typeof name === "string" && /^\d+$/.test(name)) return snapshot.at(Number(name));
    const method = Reflect.get(target, name);
    return typeof method === "function" ? method.bind(snapshot.toArray()) : method;
  },
});

/**
 * Make an object that reads as an array does.
 *
 * @param {readonly any[][]} blocks all full but the last one
 * @param {number} length
 * @returns {Snapshot<any>}
 */
function makeSnapshot(blocks, length) {
  const toArray = () => join(blocks);
  const snapshot = Object.assign(Object.create(ARRAY), {
    length,
    at(/** @type {number} */ index) {
      const place = Math.trunc(index) + (index < 0 ? length : 0);
      return blocks[Math.floor(place / BLOCK)]?.[place % BLOCK];
    },
    slice(from = 0, to = length) {
      if (from < 0 || to < 0) return toArray().slice(from, to);
      const first = Math.floor(from / BLOCK);
      const skipped = first * BLOCK;
      return join(blocks.slice(first, to / BLOCK + 1)).slice(from - skipped, to - skipped);
    },
    toArray,
    toJSON: toArray,
  });
  return Object.freeze(snapshot);
}

export const NO_ROWS = makeSnapshot([], 0);

/** Join blocks; `flat` takes fifty times as long. @param {readonly any[][]} blocks */
function join(blocks) {
  /** @type {any[]} */
  const none = [];
  return none.concat(...blocks);
}

/**
 * A row keeps its object and its place in the list as long as it is there. A row that replaces
 * another one of the same key takes over its place, so lists do not jump when they are not sorted.
 */
export class RowTable {
  #reader;
  /** The JSON of a row -> its places. @type {Map<string, number[]>} */
  #places = new Map();
  /** @type {any[]} */
  #objects = [];
  /** The JSON of the row at each place. @type {string[]} */
  #keys = [];
  /** The rows as of the last snapshot. @type {any[][]} */
  #blocks = [];
  /** The blocks that have changed since. @type {Set<number>} */
  #changed = new Set();
  #snapshot = NO_ROWS;

  /**
   * @param {Rows} rows
   * @param {Reader} reader
   */
  constructor(rows, reader) {
    this.#reader = reader;
    const keys = [...rows.keys()];
    for (let from = 0; from < keys.length; from += SLICE) {
      // Many rows at once, which takes half the time.
      const texts = JSON.parse(`[${keys.slice(from, from + SLICE)}]`);
      for (let at = 0; at < texts.length; at += 1) {
        const key = /** @type {string} */ (keys[from + at]);
        this.#append(key, reader.read(texts[at]), rows.get(key) ?? 0);
      }
    }
  }

  /** @param {string} key the JSON of a row */
  #read(key) {
    return this.#reader.read(JSON.parse(key));
  }

  /**
   * The values of the columns that identify a row.
   *
   * @param {string} key the JSON of the row
   */
  #group(key) {
    return this.#reader.isKeyed ? this.#reader.keyOf(JSON.parse(key)) : "";
  }

  /** The rows; the same object until a row changes. */
  snapshot() {
    if (this.#changed.size > 0) {
      const { length } = this.#objects;
      this.#blocks = this.#blocks.slice(0, Math.ceil(length / BLOCK));
      for (const block of this.#changed) {
        const from = block * BLOCK;
        if (from < length) this.#blocks[block] = this.#objects.slice(from, from + BLOCK);
      }
      this.#changed.clear();
      this.#snapshot = makeSnapshot(this.#blocks, length);
    }
    return this.#snapshot;
  }

  /**
   * Follow a change that has been applied to `rows`.
   *
   * @param {Rows} change
   * @param {Rows} rows
   */
  apply(change, rows) {
    if (change.size === 0) return;
    const free = this.#remove(change, rows);
    const homeless = this.#insert(change, rows, free);
    const places = [...free.values()].flat();
    for (const [key, object] of homeless) {
      const place = places.pop();
      if (place === undefined) this.#append(key, object, 1);
      else this.#put(place, key, object);
    }
    this.#closeGaps(places);
  }

  /**
   * Remove deleted rows; returns their places by the key of the row.
   *
   * @param {Rows} change
   * @param {Rows} rows
   */
  #remove(change, rows) {
    /** @type {Map<string, number[]>} */
    const free = new Map();
    for (const key of change.keys()) {
      const places = this.#places.get(key);
      const target = rows.get(key) ?? 0;
      while (places && places.length > Math.max(0, target)) {
        const group = this.#group(key);
        const list = free.get(group) ?? [];
        list.push(/** @type {number} */ (places.pop()));
        free.set(group, list);
      }
      if (places?.length === 0) this.#places.delete(key);
    }
    return free;
  }

  /**
   * Insert new rows at the places of deleted rows of the same key; returns the others.
   *
   * @param {Rows} change
   * @param {Rows} rows
   * @param {Map<string, number[]>} free
   */
  #insert(change, rows, free) {
    /** @type {[string, any][]} */
    const homeless = [];
    for (const key of change.keys()) {
      const target = rows.get(key) ?? 0;
      let missing = target - (this.#places.get(key)?.length ?? 0);
      if (missing <= 0) continue;
      const object = this.#read(key);
      const places = free.get(this.#group(key));
      for (; missing > 0; missing -= 1) {
        const place = places?.shift();
        if (place === undefined) homeless.push([key, object]);
        else this.#put(place, key, object);
      }
    }
    return homeless;
  }

  /**
   * @param {string} key
   * @param {any} object
   * @param {number} copies
   */
  #append(key, object, copies) {
    for (let copy = 0; copy < copies; copy += 1) this.#put(this.#objects.length, key, object);
  }

  /**
   * @param {number} place
   * @param {string} key
   * @param {any} object
   */
  #put(place, key, object) {
    this.#objects[place] = object;
    this.#changed.add(Math.floor(place / BLOCK));
    this.#keys[place] = key;
    const places = this.#places.get(key);
    if (places) places.push(place);
    else this.#places.set(key, [place]);
  }

  /**
   * Move the last rows to the places that are still free, the last place first.
   *
   * @param {number[]} free
   */
  #closeGaps(free) {
    for (const gap of free.sort((a, b) => b - a)) {
      const last = this.#objects.length - 1;
      if (gap < last) {
        const key = /** @type {string} */ (this.#keys[last]);
        const places = /** @type {number[]} */ (this.#places.get(key));
        places.splice(places.indexOf(last), 1);
        this.#put(gap, key, this.#objects[last]);
      }
      this.#objects.pop();
      this.#keys.pop();
      this.#changed.add(Math.floor(last / BLOCK));
    }
  }
}
