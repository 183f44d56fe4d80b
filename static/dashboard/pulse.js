/** How many edits came in each of the last seconds, from a counter that only tells totals. Pure. */

/** For how many seconds the past is kept. */
export const SECONDS = 60;

export class Pulse {
  #perSecond = new Map();

  /** Forget everything: the history is another one. */
  clear() {
    this.#perSecond.clear();
  }

  /**
   * `count` edits came from time `lower` to `upper` (milliseconds): when exactly is not known, so
   * they are spread evenly over the seconds between.
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
   * of which not everything is known.
   */
  until(time) {
    const end = Math.floor(time / 1000);
    return Array.from({ length: SECONDS }, (_, at) => {
      const known = this.#perSecond.get(end - SECONDS + at);
      return known?.covered === 1000 ? known.count : null;
    });
  }
}

/** The mean of the latest ten seconds that are known, or null. */
export function rateOf(seconds) {
  const known = seconds.slice(-10).filter((count) => count !== null);
  if (known.length === 0) return null;
  return known.reduce((sum, count) => sum + count, 0) / known.length;
}
