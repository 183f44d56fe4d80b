/** Paints at most once in a frame, whatever arrives, and not more often than anybody can read. */

/** Milliseconds between two paints. */
const PAUSE = 200;

export class Painter {
  #paint;
  #isScheduled = false;
  #paintedAt = -Infinity;

  /** @param {() => void} paint */
  constructor(paint) {
    this.#paint = paint;
  }

  /** Paint all changes until then. A hidden tab gets no frames, so it paints when it is seen. */
  paintSoon = () => {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const wait = this.#paintedAt + PAUSE - performance.now();
    if (wait <= 0) requestAnimationFrame(this.#onFrame);
    else setTimeout(() => requestAnimationFrame(this.#onFrame), wait);
  };

  #onFrame = () => {
    this.#isScheduled = false;
    this.#paintedAt = performance.now();
    this.#paint();
  };
}
