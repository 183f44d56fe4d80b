/**
 * Moves one element by one spring, with `transform` only.
 *
 * The way to the target is given to the browser as keyframes, once for each target: its compositor
 * moves the element, and no script, style or layout runs in between.
 */

import { SETTLED, Spring } from "./spring.js";

const FRAMES = 20;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Motion {
  #element;
  #transform;
  #spring;
  /** @type {?Animation} */
  #animation = null;

  /**
   * @param {HTMLElement} element
   * @param {(place: number) => string} transform the value of the property at a place
   * @param {number} place where it begins
   */
  constructor(element, transform, place) {
    this.#element = element;
    this.#transform = transform;
    this.#spring = new Spring(place);
    element.style.transform = transform(place);
  }

  get target() {
    return this.#spring.target;
  }

  get isMoving() {
    return this.#spring.isMoving(Number(document.timeline.currentTime));
  }

  /** @param {number} place */
  moveTo(place) {
    if (place === this.#spring.target) return;
    const now = Number(document.timeline.currentTime);
    if (calm.matches || document.hidden) this.#spring.jump(place);
    else this.#spring.retarget(place, now);
    this.#animation?.cancel();
    this.#animation = null;
    this.#element.style.transform = this.#transform(place);
    if (this.#spring.isMoving(now)) this.#animate(now);
  }

  #animate(now) {
    const transform = [];
    for (let frame = 0; frame <= FRAMES; frame += 1) {
      transform.push(this.#transform(this.#spring.place(now + (frame * SETTLED) / FRAMES)));
    }
    this.#animation = this.#element.animate({ transform }, { duration: SETTLED });
    this.#animation.startTime = now;
  }
}
