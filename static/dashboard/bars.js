/**
 * The bar chart: a list with one item for each editor, kept from one paint to the next.
 *
 * The items are always in the order of the ranking, also for screen readers. Only the eye sees them
 * move: each is measured before and after, put back to its old place, and animated to the new one
 * (the technique that Paul Lewis calls FLIP). Names come from strangers and are only set as text.
 */

import { editorName } from "./texts.js";

const MOVE = { duration: 600, easing: "cubic-bezier(.2, .7, .2, 1)" };
const APPEAR = { duration: 400, easing: "ease-out" };

const formatted = new Intl.NumberFormat();

export class Bars {
  #list;
  #still;
  #items = new Map();

  /** @param {() => boolean} still whether the reader asked for less motion */
  constructor(list, still) {
    this.#list = list;
    this.#still = still;
  }

  /** Show these bars, as `ranking` returns them. */
  show(bars) {
    const before = this.#orderChanges(bars) ? this.#tops() : null;
    this.#removeAllBut(new Set(bars.map(({ key }) => key)));
    for (const [at, bar] of bars.entries()) this.#place(bar, at);
    if (before !== null && !this.#still()) this.#move(before);
  }

  #orderChanges(bars) {
    const keys = [...this.#list.children].map((element) => element.dataset.key);
    return keys.length !== bars.length || bars.some(({ key }, at) => key !== keys[at]);
  }

  #tops() {
    const top = (item) => item.element.getBoundingClientRect().top;
    return new Map([...this.#items].map(([key, item]) => [key, top(item)]));
  }

  #removeAllBut(keys) {
    for (const [key, { element }] of this.#items) {
      if (keys.has(key)) continue;
      element.remove();
      this.#items.delete(key);
    }
  }

  #place({ key, user, count, share }, at) {
    const item = this.#items.get(key) ?? this.#create(key, user);
    const neighbour = this.#list.children[at] ?? null;
    if (neighbour !== item.element) this.#list.insertBefore(item.element, neighbour);
    setText(item.rank, String(at + 1));
    setText(item.count, formatted.format(count));
    item.fill.style.setProperty("--share", share.toFixed(4));
  }

  #create(key, user) {
    const element = document.createElement("li");
    element.dataset.key = key;
    const rank = append(element, "span", "rank");
    rank.setAttribute("aria-hidden", "true"); // a screen reader counts the items itself
    const { text, isName } = editorName(user);
    const name = append(element, "bdi", isName ? "name" : "name nameless");
    name.textContent = text;
    name.title = text;
    const track = append(element, "span", "track");
    track.setAttribute("aria-hidden", "true");
    const fill = append(track, "span", "fill");
    const count = append(element, "span", "count");
    const item = { element, rank, fill, count, motion: null };
    this.#items.set(key, item);
    return item;
  }

  #move(before) {
    for (const item of this.#items.values()) item.motion?.cancel();
    for (const [key, item] of this.#items) {
      const top = before.get(key);
      if (top === undefined) {
        item.motion = item.element.animate({ opacity: [0, 1] }, APPEAR);
        continue;
      }
      const distance = top - item.element.getBoundingClientRect().top;
      if (Math.abs(distance) < 1) continue;
      const transform = [`translateY(${distance}px)`, "none"];
      // A bar that rises passes in front.
      const zIndex = distance > 0 ? [1, 1] : [0, 0];
      item.motion = item.element.animate({ transform, zIndex }, MOVE);
    }
  }
}

function append(parent, tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  parent.append(element);
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
