/** The slider through time: seconds before the live time, from the oldest kept one to now. */

import { setText } from "../site/dom.js";
import { duration, timeText } from "../site/texts.js";
import { SECONDS } from "./pace.js";

export class TimeSlider {
  #input;
  #label;
  #back;

  /**
   * @param {HTMLInputElement} input
   * @param {HTMLElement} label shows the time that is shown
   * @param {HTMLButtonElement} back goes back to live
   * @param {(secondsAgo: ?number) => void} onMove null is live
   */
  constructor(input, label, back, onMove) {
    this.#input = input;
    this.#label = label;
    this.#back = back;
    input.min = String(-SECONDS);
    input.addEventListener("input", () =>
      onMove(input.valueAsNumber >= 0 ? null : -input.valueAsNumber),
    );
    back.addEventListener("click", () => {
      onMove(null);
      input.focus({ preventScroll: true });
    });
    addEventListener("keydown", ({ key }) => {
      if (key === "Escape") onMove(null);
    });
  }

  /**
   * @param {?number} time that is shown
   * @param {?number} live the live time
   * @param {boolean} isLive
   */
  show(time, live, isLive) {
    const ago = time === null || live === null ? 0 : Math.max(0, live - time);
    const value = isLive ? "0" : String(-Math.round(ago / 1000));
    if (this.#input.value !== value) this.#input.value = value;
    this.#input.disabled = !Number.isFinite(time);
    this.#back.hidden = isLive;
    const at = timeText(time);
    setText(this.#label, isLive ? at : `${at}, ${duration(ago)} ago`);
    const spoken = isLive ? `live, ${at}` : `${duration(ago)} ago, ${at}`;
    if (this.#input.ariaValueText !== spoken) this.#input.ariaValueText = spoken;
  }
}
