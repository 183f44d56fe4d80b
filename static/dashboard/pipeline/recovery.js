/** Measures outages: from the first sign of trouble until every view is exact again. Pure. */

import { duration } from "../site/texts.js";

const MOST = 6;

/** @typedef {{ what: string, began: number, ended: number, isVerified: boolean }} Outage */

export class Recovery {
  /** Since when something is wrong. @type {?number} */
  #began = null;
  /** The signs so far: the surest one names the outage. @type {(string | false)[]} */
  #signs = [];
  /** The last outages, the latest first. @type {Outage[]} */
  outages = [];

  /**
   * Note how things are.
   *
   * @param {object} now
   * @param {number} now.at milliseconds
   * @param {readonly (string | false)[]} now.troubles what may be wrong, each at its place: the causes
   *     before the signs that they have. It is false where all is well
   * @param {number} now.asOf the time up to which all rows are known
   * @param {number} now.verifiedAt when a checksum of the server was last found equal
   */
  note({ at, troubles, asOf, verifiedAt }) {
    if (troubles.some(Boolean)) {
      this.#began ??= at;
      this.#signs = troubles.map((sign, place) => this.#signs[place] || sign);
      return;
    }
    // Not every message has a checksum: the next one proves what came before.
    for (const outage of this.outages) outage.isVerified ||= verifiedAt >= outage.began;
    // Rows that are older than the trouble have not converged yet.
    if (this.#began === null || asOf < this.#began) return;
    const isVerified = verifiedAt >= this.#began;
    this.outages = [
      { what: this.#what, began: this.#began, ended: at, isVerified },
      ...this.outages.slice(0, MOST - 1),
    ];
    this.#began = null;
    this.#signs = [];
  }

  get #what() {
    return this.#signs.find(Boolean) || "";
  }

  /** What goes on, in words; "" while nothing is wrong. @param {number} at */
  describe(at) {
    return this.#began === null ? "" : `${this.#what}, for ${duration(at - this.#began)}`;
  }
}

/** @param {Outage} outage */
export function outageText({ what, began, ended, isVerified }) {
  const proof = isVerified ? ", checksum equal" : "";
  return `${what}: converged again in ${duration(ended - began)}${proof}`;
}
