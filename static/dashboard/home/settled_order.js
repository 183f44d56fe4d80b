/**
 * The order in which a list is shown, however often the true order changes. Pure.
 *
 * Sixty changes of order a second cannot be read, and springs that get a new target in each frame
 * end between two ranks. So the shown order is taken from the true one at intervals that are longer
 * than a spring needs: each bar comes to rest at a whole rank before it may leave it, and what
 * happened between is seen as one move. Counts are not delayed by this.
 */

export class SettledOrder {
  #interval;
  #keys = [];
  #changedAt = -Infinity;

  /** @param {number} interval milliseconds between two changes of the order */
  constructor(interval) {
    this.#interval = interval;
  }

  /**
   * Return the keys in the order to show.
   *
   * @param {string[]} keys in their true order
   * @param {number} now milliseconds
   * @param {boolean} isAtOnce whether the order must be the true one, as at another time
   */
  next(keys, now, isAtOnce) {
    const shown = this.#keys;
    const isSame = keys.length === shown.length && keys.every((key, at) => key === shown[at]);
    const isFirst = shown.length === 0 || keys.length === 0; // nothing crosses anything
    const isDue = isAtOnce || isFirst || now - this.#changedAt >= this.#interval;
    if (!isSame && isDue) {
      this.#keys = keys;
      this.#changedAt = now;
    }
    return this.#keys;
  }
}
