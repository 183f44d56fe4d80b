/** The edits of people and of bots, as one bar of two parts. */

import { setText } from "../site/dom.js";
import { Motion } from "./motion.js";
import { countText, shareTexts, sumOf } from "./numbers.js";

export class PeopleAndBots {
  #panel;
  #boundary;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.#panel = panel;
    const bots = /** @type {HTMLElement} */ (panel.querySelector(".split .bots"));
    this.#boundary = new Motion(bots, (share) => `translateX(${(100 * share).toFixed(2)}%)`, 0.5);
  }

  /** @param {readonly {kind: string, edits: number | bigint}[]} rows */
  show(rows) {
    const editsOf = (kind) =>
      sumOf(rows.filter((row) => row.kind === kind).map(({ edits }) => edits));
    const edits = { people: editsOf("people"), bots: editsOf("bots") };
    const total = Number(edits.people) + Number(edits.bots);
    this.#panel.toggleAttribute("data-empty", total === 0);
    if (total === 0) return;
    const kinds = ["people", "bots"];
    const shares = shareTexts(kinds.map((kind) => Number(edits[kind]) / total));
    for (const [at, kind] of kinds.entries()) {
      setText(this.#part(kind, "share"), shares[at]);
      setText(this.#part(kind, "edits"), countText(edits[kind]));
    }
    const share = Number(edits.people) / total;
    if (Math.abs(share - this.#boundary.target) >= 0.003) this.#boundary.moveTo(share);
  }

  #part(kind, part) {
    return /** @type {HTMLElement} */ (this.#panel.querySelector(`[data-kind=${kind}] .${part}`));
  }
}
