/**
 * A critically damped spring: it reaches its target as fast as it can without passing it. Pure.
 *
 * Its place at any time is a formula, so nothing is computed between two targets. A new target
 * changes where it goes and neither where it is nor how fast: there is no jump and no new start.
 */

/** The stiffness, as a rate per millisecond. */
const RATE = 0.012;
/** After this time the rest of the way is less than 1 %: the spring is at its target. */
export const SETTLED = 560;

export class Spring {
  #from;
  #velocity = 0;
  #since = -Infinity;
  target;

  /** @param {number} place where it begins, at rest */
  constructor(place) {
    this.#from = place;
    this.target = place;
  }

  /** @param {number} now milliseconds */
  isMoving(now) {
    return now - this.#since < SETTLED;
  }

  /** @param {number} now */
  place(now) {
    if (!this.isMoving(now)) return this.target;
    const { offset, slope, decay, passed } = this.#motion(now);
    return this.target + (offset + slope * passed) * decay;
  }

  /** The velocity, per millisecond. @param {number} now */
  velocity(now) {
    if (!this.isMoving(now)) return 0;
    const { offset, slope, decay, passed } = this.#motion(now);
    return (slope - RATE * (offset + slope * passed)) * decay;
  }

  #motion(now) {
    const passed = now - this.#since;
    const offset = this.#from - this.target;
    return {
      offset,
      slope: this.#velocity + RATE * offset,
      decay: Math.exp(-RATE * passed),
      passed,
    };
  }

  /**
   * Go to another target from here, at the present speed.
   *
   * @param {number} target
   * @param {number} now
   */
  retarget(target, now) {
    if (target === this.target) return;
    const [from, velocity] = [this.place(now), this.velocity(now)];
    this.#from = from;
    this.#velocity = velocity;
    this.#since = now;
    this.target = target;
  }

  /** Be at a place, at rest. @param {number} place */
  jump(place) {
    this.#from = this.target = place;
    this.#velocity = 0;
    this.#since = -Infinity;
  }
}
