/** The big number: digits that change slide in from below, the others stay. */

const APPEAR = { duration: 220, easing: "ease-out" };
/** A digit that changed less than this ago is replaced without motion. Milliseconds. */
const HURRY = 450;
const formatted = new Intl.NumberFormat();

export class Figure {
  #spoken = document.createElement("span");
  #seen = document.createElement("span");
  #still;
  #changedAt = new WeakMap();

  /** @param {() => boolean} still whether the reader asked for less motion */
  constructor(element, still) {
    this.#still = still;
    // The single digits are for the eye only: a screen reader gets the number in one piece.
    this.#spoken.className = "spoken";
    this.#seen.setAttribute("aria-hidden", "true");
    element.replaceChildren(this.#spoken, this.#seen);
    this.show(null);
  }

  /** @param {?(number | bigint)} value null shows a dash */
  show(value) {
    const text = value === null ? "–" : formatted.format(value);
    if (this.#spoken.textContent === text) return;
    this.#spoken.textContent = text;
    const digits = this.#seen.children;
    const animate = digits.length > 1 && !this.#still();
    while (digits.length > text.length) digits[0].remove();
    while (digits.length < text.length) this.#seen.prepend(document.createElement("span"));
    for (const [at, digit] of [...text].entries()) {
      if (digits[at].textContent !== digit) this.#change(digits[at], digit, animate);
    }
  }

  #change(slot, digit, animate) {
    const now = performance.now();
    const inHurry = now - (this.#changedAt.get(slot) ?? -Infinity) < HURRY;
    this.#changedAt.set(slot, now);
    slot.textContent = digit;
    if (!animate || inHurry) return;
    slot.animate({ transform: ["translateY(.14em)", "none"], opacity: [0.3, 1] }, APPEAR);
  }
}
