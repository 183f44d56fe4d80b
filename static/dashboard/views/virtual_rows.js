/**
 * Shows the rows of a long list that are in sight, and some beside them: 10,000 rows cost what 60 do.
 *
 * Each row is an element that is moved by `transform` alone, and kept while its row stays in sight.
 */

const BEYOND = 12;

export class VirtualRows {
  #viewport;
  #body;
  #render;
  #rowHeight = 0;
  /** @type {readonly object[]} */
  #rows = [];
  /** @type {Map<object, HTMLElement>} */
  #shown = new Map();
  /** Where each element is. @type {WeakMap<HTMLElement, number>} */
  #places = new WeakMap();
  #isScheduled = false;

  /**
   * @param {HTMLElement} viewport scrolls
   * @param {HTMLElement} body has the rows
   * @param {(row: object) => HTMLElement} render makes the element of a row
   */
  constructor(viewport, body, render) {
    this.#viewport = viewport;
    this.#body = body;
    this.#render = render;
    viewport.addEventListener("scroll", () => this.#updateSoon(), { passive: true });
    new ResizeObserver(() => this.#measure()).observe(viewport);
    this.#measure();
  }

  /** @param {readonly object[]} rows each of them once */
  show(rows) {
    this.#rows = rows;
    this.#update();
  }

  /** Make all rows again, since how they look has changed. */
  reset() {
    for (const element of this.#shown.values()) element.remove();
    this.#shown.clear();
    this.#update();
  }

  #measure() {
    const height = Number.parseFloat(getComputedStyle(this.#body).getPropertyValue("line-height"));
    if (height === this.#rowHeight) return this.#updateSoon();
    this.#rowHeight = height;
    this.#places = new WeakMap();
    this.#update();
  }

  #updateSoon() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#update();
    });
  }

  #update() {
    const height = this.#rowHeight;
    const { scrollTop, clientHeight } = this.#viewport;
    const first = Math.max(0, Math.floor(scrollTop / height) - BEYOND);
    const last = Math.min(
      this.#rows.length,
      Math.ceil((scrollTop + clientHeight) / height) + BEYOND,
    );
    this.#body.style.height = `${this.#rows.length * height}px`;
    const gone = new Map(this.#shown);
    for (let at = first; at < last; at += 1) {
      const row = this.#rows[at];
      let element = this.#shown.get(row);
      if (element === undefined) {
        element = this.#render(row);
        this.#shown.set(row, element);
        this.#body.append(element);
      }
      gone.delete(row);
      if (this.#places.get(element) !== at) this.#place(element, at);
    }
    for (const [row, element] of gone) {
      element.remove();
      this.#shown.delete(row);
    }
  }

  #place(element, at) {
    this.#places.set(element, at);
    element.setAttribute("aria-rowindex", String(at + 2)); // after the header's
    element.style.transform = `translateY(${at * this.#rowHeight}px)`;
    element.classList.toggle("odd", at % 2 === 1);
  }
}
