/** The age of the rows on the page. Pure: clocks are passed in. Milliseconds. */

/**
 * Compute how far this computer's clock is behind the server's, from the `Date` header of a response.
 *
 * The header has whole seconds only, so anything within them counts as no difference.
 *
 * @param {?string} header the header's value
 * @param {number} asked when the request was sent, by this computer's clock
 * @param {number} answered when the response came
 */
export function clockOffset(header, asked, answered) {
  const served = Date.parse(header ?? "");
  if (Number.isNaN(served)) return 0;
  if (answered >= served && asked <= served + 1000) return 0;
  return served + 500 - (asked + answered) / 2;
}

/**
 * The greatest age since it was last read, so that a number that is read once a second does not
 * depend on the moment.
 */
export class Freshness {
  #asOf = null;
  #oldest = 0;

  /** Record that rows known up to `asOf` were painted at `now`. */
  painted(asOf, now) {
    if (this.#asOf !== null) this.#oldest = Math.max(this.#oldest, now - this.#asOf);
    this.#asOf = asOf;
  }

  /**
   * The greatest age since the last call, in milliseconds; null before the first paint, and for
   * views that can no longer change.
   */
  read(now) {
    if (this.#asOf === null || this.#asOf === Infinity) return null;
    const age = Math.max(this.#oldest, now - this.#asOf, 0);
    this.#oldest = 0;
    return age;
  }
}
