/** The rows of a view as objects, in an array that is copied only when it changes. */

import { SLICE } from "./multiset.js";

/** @import { Reader } from "./change.js" */
/** @import { Rows } from "./types/internal.js" */

/**
 * A row keeps its object and its place in the array as long as it is there. A row that replaces
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
  /** Whether the array was given out, so that it must be copied before it changes. */
  #isShared = false;

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

  /** The same array until a row changes. */
  snapshot() {
    this.#isShared = true;
    return this.#objects;
  }

  /**
   * Follow a change that has been applied to `rows`.
   *
   * @param {Rows} change
   * @param {Rows} rows
   */
  apply(change, rows) {
    if (change.size === 0) return;
    if (this.#isShared) this.#objects = this.#objects.slice();
    this.#isShared = false;
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
    this.#keys[place] = key;
    const places = this.#places.get(key);
    if (places) places.push(place);
    else this.#places.set(key, [place]);
  }

  /**
   * Move the last rows to the places that are still free.
   *
   * @param {number[]} free
   */
  #closeGaps(free) {
    const gaps = new Set(free);
    for (const gap of free.sort((a, b) => a - b)) {
      while (gaps.delete(this.#objects.length - 1)) this.#shorten();
      if (gap >= this.#objects.length) break;
      gaps.delete(gap);
      const last = this.#objects.length - 1;
      const key = /** @type {string} */ (this.#keys[last]);
      const places = /** @type {number[]} */ (this.#places.get(key));
      places.splice(places.indexOf(last), 1);
      this.#put(gap, key, this.#objects[last]);
      this.#shorten();
    }
  }

  #shorten() {
    this.#objects.length -= 1;
    this.#keys.length -= 1;
  }
}
