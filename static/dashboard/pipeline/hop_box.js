/** One hop in the picture. */

import { append, setText } from "../site/dom.js";

export class HopBox {
  #element;
  #word;
  #facts;
  /** @type {HTMLElement[]} */
  #values = [];

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
    this.#word = append(element, "p", "word");
    this.#facts = append(element, "dl");
  }

  /** @param {import("./hops.js").Hop} hop */
  show({ state, word, facts }) {
    if (this.#element.dataset.state !== state) this.#element.dataset.state = state;
    setText(this.#word, word);
    if (this.#values.length !== facts.length) this.#make(facts);
    for (const [at, [, text]] of facts.entries()) setText(this.#values[at], text);
  }

  #make(facts) {
    this.#facts.replaceChildren();
    this.#values = facts.map(([label]) => {
      const pair = append(this.#facts, "div");
      append(pair, "dt").textContent = label;
      return append(pair, "dd");
    });
  }
}
