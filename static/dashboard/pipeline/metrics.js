/** Numbers of the pipeline, and how fast they grow. Pure. */

const SAMPLE = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/;

/** The server's `/metrics`: sums of samples by name. */
export class Metrics {
  /** @type {{ name: string, labels: string, value: number }[]} */
  #samples = [];

  /** @param {string} text Prometheus' text format */
  constructor(text) {
    for (const line of text.split("\n")) {
      const match = SAMPLE.exec(line);
      if (match) this.#samples.push({ name: match[1], labels: match[2] ?? "", value: +match[3] });
    }
  }

  /**
   * The sum of a metric's samples whose labels have a text; null if there is none.
   *
   * @param {string} name
   * @param {string} [label]
   */
  sum(name, label = "") {
    const found = this.#samples.filter((one) => one.name === name && one.labels.includes(label));
    return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
  }
}

const WINDOW = 6_000;
const SHORTEST = 1_000;

/** The growth of a counter over the last seconds; one that was reset begins again. */
export class Rate {
  /** @type {{ at: number, value: number }[]} */
  #points = [];
  /** When the counter last grew; null before that. @type {?number} */
  grewAt = null;

  /** @param {?number} value @param {number} now milliseconds, of whichever clock counted */
  add(value, now) {
    if (value === null) return;
    const last = this.#points.at(-1);
    if (last && (value < last.value || now < last.at)) this.#points = [];
    if (last === undefined || value !== last.value) this.grewAt = now;
    if (last?.at === now) this.#points.pop();
    this.#points.push({ at: now, value });
    while (this.#points.length > 2 && now - this.#points[1].at >= WINDOW) this.#points.shift();
  }

  /** A second; null if it is not known, as of a counter that was seen for less than a second. */
  get perSecond() {
    const [first, last] = [this.#points[0], this.#points.at(-1)];
    if (!first || !last || last.at - first.at < SHORTEST) return null;
    return (1000 * (last.value - first.value)) / (last.at - first.at);
  }
}
