/** How old is what a person sees? Pure: clocks are passed in. Milliseconds. */

/**
 * How far this computer's clock is behind the server's, from the `Date` header of an answer.
 *
 * The header tells whole seconds only, so anything within them counts as no difference.
 *
 * @param {?string} header the header's value
 * @param {number} asked when the question was sent, by this computer's clock
 * @param {number} answered when the answer came
 */
export function clockOffset(header, asked, answered) {
  const served = Date.parse(header ?? "");
  if (Number.isNaN(served)) return 0;
  if (answered >= served && asked <= served + 1000) return 0;
  return served + 500 - (asked + answered) / 2;
}

/**
 * The greatest age since it was last asked, so that a number that is read once a second does not
 * jump with the moment of reading.
 */
export class Freshness {
  #asOf = null;
  #oldest = 0;

  /** `asOf`: the time up to which what is painted at `now` is known. */
  painted(asOf, now) {
    if (this.#asOf !== null) this.#oldest = Math.max(this.#oldest, now - this.#asOf);
    this.#asOf = asOf;
  }

  /**
   * The greatest age since the last call, in milliseconds; null while nothing was painted, and
   * for what is known for ever.
   */
  read(now) {
    if (this.#asOf === null || this.#asOf === Infinity) return null;
    const age = Math.max(this.#oldest, now - this.#asOf, 0);
    this.#oldest = 0;
    return age;
  }
}
