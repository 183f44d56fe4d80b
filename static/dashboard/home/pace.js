/** The edits in each of the last seconds, from the rows of `edits_per_second`. Pure. */

/** How far back the chart goes. Seconds. */
export const SECONDS = 300;
/** The rate is the mean of so many seconds, up to a moment ago: events need a moment to come. */
const MEAN = 10;
const DELAY = 2;

export class Pace {
  #counts = new Map();
  #first = Infinity;
  #end;

  /**
   * @param {readonly {second: string, edits: number | bigint}[]} rows
   * @param {number} time up to which the rows are known; milliseconds
   */
  constructor(rows, time) {
    for (const { second, edits } of rows) {
      const at = Math.floor(Date.parse(second) / 1000);
      this.#counts.set(at, Number(edits));
      this.#first = Math.min(this.#first, at);
    }
    /** The second that is not over yet. */
    this.#end = Math.floor(time / 1000);
  }

  get end() {
    return this.#end;
  }

  /** The edits in a second; null before the first one, and in those that are not over. */
  at(second) {
    if (second <= this.#first || second >= this.#end) return null;
    return this.#counts.get(second) ?? 0;
  }

  /** The mean of the edits a second over an interval, or null if none of it is known. */
  mean(from, to) {
    let [sum, known] = [0, 0];
    for (let second = from; second < to; second += 1) {
      const count = this.at(second);
      if (count === null) continue;
      sum += count;
      known += 1;
    }
    return known === 0 ? null : sum / known;
  }

  /** The present rate, or null if it is not known. */
  get rate() {
    const end = this.#end - DELAY;
    return this.mean(end - MEAN, end);
  }
}

/** The seconds in one bar of a chart: as few as leave it wide enough to be seen. */
export function secondsOfBar(width, narrowest) {
  return [1, 2, 5, 10].find((step) => (width / SECONDS) * step >= narrowest) ?? 15;
}
