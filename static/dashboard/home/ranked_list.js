/**
 * A list whose items move to their ranks: one element for each key, kept as long as it is shown.
 *
 * All items lie at the top of the list and are moved down by their rank, in their own heights. An
 * item that rises passes in front of those that fall; each has an opaque ground, so that both can be
 * read while they cross.
 */

import { Motion } from "./motion.js";

const RISING = "2";
const OTHERS = "1";
/** How long an item that left may still be seen. Milliseconds. */
const LEAVING = 600;

/** @typedef {{element: HTMLElement, motion: Motion, parts: any}} Item */

export class RankedList {
  #list;
  #size;
  #entry;
  #create;
  #update;
  /** @type {Map<string, Item>} */
  #items = new Map();
  /** The keys in the order of the elements. @type {string[]} */
  #sorted = [];

  /**
   * @param {HTMLElement} list
   * @param {object} options
   * @param {number} options.size how many items are shown
   * @param {number} [options.entry] the rank from which items come: -1 is above the first
   * @param {(element: HTMLElement, row: any) => any} options.create fills a new item; returns its parts
   * @param {(parts: any, row: any, rank: number) => void} options.update
   */
  constructor(list, { size, entry = size, create, update }) {
    this.#list = list;
    this.#size = size;
    this.#entry = entry;
    this.#create = create;
    this.#update = update;
  }

  /** How many items are shown. */
  get size() {
    return this.#items.size;
  }

  /**
   * Show these rows at these ranks.
   *
   * @param {string[]} keys in order
   * @param {Map<string, any>} rows by key; a row that is missing is shown as it was
   */
  show(keys, rows) {
    const shown = keys.slice(0, this.#size);
    const isFirst = this.#items.size === 0;
    for (const key of this.#items.keys()) if (!shown.includes(key)) this.#remove(key);
    for (const [rank, key] of shown.entries()) {
      const row = rows.get(key);
      const item =
        this.#items.get(key) ?? (row && this.#add(key, row, isFirst ? rank : this.#entry));
      if (!item) continue;
      if (row) this.#update(item.parts, row, rank);
      this.#move(item, rank);
    }
    this.#sort(shown);
  }

  /** @param {string} key @param {any} row @param {number} rank */
  #add(key, row, rank) {
    const element = document.createElement("li");
    const parts = this.#create(element, row);
    const item = { element, parts, motion: new Motion(element, placeOf, rank) };
    this.#items.set(key, item);
    this.#list.append(element);
    this.#sorted = [];
    return item;
  }

  /** @param {Item} item @param {number} rank */
  #move({ element, motion }, rank) {
    if (rank === motion.target) return;
    element.style.zIndex = rank < motion.target ? RISING : OTHERS;
    motion.moveTo(rank);
  }

  /** @param {string} key */
  #remove(key) {
    const { element, motion } = /** @type {Item} */ (this.#items.get(key));
    this.#items.delete(key);
    element.inert = true;
    element.setAttribute("aria-hidden", "true");
    motion.moveTo(this.#size);
    element.style.zIndex = "0";
    setTimeout(() => element.remove(), LEAVING);
  }

  /** Bring the elements into the order of the ranks, for screen readers and the tab key. */
  #sort(keys) {
    const isSorted = keys.length === this.#sorted.length;
    if (isSorted && keys.every((key, at) => key === this.#sorted[at])) return;
    if (this.#list.contains(document.activeElement)) return; // a move would take the focus away
    this.#sorted = keys;
    let next = this.#list.firstElementChild;
    for (const key of keys) {
      const element = this.#items.get(key)?.element;
      if (!element) continue;
      while (next?.inert) next = next.nextElementSibling;
      if (element === next) next = next.nextElementSibling;
      else this.#list.insertBefore(element, next);
    }
  }
}

/** @param {number} rank */
function placeOf(rank) {
  return `translateY(${(100 * rank).toFixed(2)}%)`;
}
