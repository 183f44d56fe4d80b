/**
 * Paints at most once per frame, and less often where a paint takes long, so that sorting many rows
 * leaves nine tenths of the time to everything else. A hidden page is not painted.
 */

const SHARE = 9;
/** Nobody reads a table that changes more often. Milliseconds. */
const GAP = 200;

export class Repaint {
  #paint;
  #isScheduled = false;
  /** When the next paint may begin. */
  #earliest = 0;

  /** @param {() => void} paint */
  constructor(paint) {
    this.#paint = paint;
  }

  /** Paint in the next frame that may. */
  soon() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const wait = this.#earliest - performance.now();
    if (wait > 4) setTimeout(() => requestAnimationFrame(this.#run), wait);
    else requestAnimationFrame(this.#run);
  }

  /** Paint in the next frame: the reader waits for it. */
  now() {
    this.#earliest = 0;
    requestAnimationFrame(this.#run);
  }

  #run = () => {
    this.#isScheduled = false;
    const began = performance.now();
    this.#paint();
    const ended = performance.now();
    this.#earliest = ended + Math.max(GAP, SHARE * (ended - began));
  };
}
