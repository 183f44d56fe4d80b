/** The number of edits in each of the last seconds, from a counter of the total. Pure. */

/** How many seconds are kept. */
export const SECONDS = 60;

export class Pulse {
  #perSecond = new Map();

  /**
   * Add `count` edits between `lower` and `upper` (milliseconds). Their exact times are unknown, so
   * they are spread evenly.
   */
  add(lower, upper, count) {
    const kept = Math.max(lower, upper - SECONDS * 1000);
    let from = kept;
    while (from < upper) {
      const second = Math.floor(from / 1000);
      const to = Math.min((second + 1) * 1000, upper);
      const known = this.#perSecond.get(second) ?? { count: 0, covered: 0 };
      known.count += (count * (to - from)) / (upper - lower);
      known.covered += to - from;
      this.#perSecond.set(second, known);
      from = to;
    }
    const oldest = Math.floor(upper / 1000) - SECONDS - 1;
    for (const second of this.#perSecond.keys()) {
      if (second < oldest) this.#perSecond.delete(second);
    }
  }

  /**
   * The edits in each of the last whole seconds before `time`, the latest last; null for seconds
   * that are not wholly known.
   */
  until(time) {
    const end = Math.floor(time / 1000);
    return Array.from({ length: SECONDS }, (_, at) => {
      const known = this.#perSecond.get(end - SECONDS + at);
      return known?.covered === 1000 ? known.count : null;
    });
  }
}

/** The mean of the known ones of the last ten seconds, or null. */
export function rateOf(seconds) {
  const known = seconds.slice(-10).filter((count) => count !== null);
  if (known.length === 0) return null;
  return known.reduce((sum, count) => sum + count, 0) / known.length;
}
