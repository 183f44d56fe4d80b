/** What a screen on a wall needs: a clock, the full screen, no cursor, and no sleep. */

import { setText } from "../site/dom.js";

/** The cursor and the button are hidden when nothing has moved for so long. Milliseconds. */
const IDLE = 3_000;

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

export class Wall {
  #root = document.documentElement;
  #clock = document.getElementById("clock");
  #button = document.getElementById("full-screen");
  #idle = 0;

  constructor() {
    this.#button.hidden = !document.fullscreenEnabled;
    this.#button.addEventListener("click", () => this.#toggle());
    document.addEventListener("fullscreenchange", () => {
      setText(this.#button, document.fullscreenElement ? "Leave full screen" : "Full screen");
    });
    for (const event of ["pointermove", "keydown"]) addEventListener(event, () => this.#wake());
    document.addEventListener("visibilitychange", () => this.#stayAwake());
    this.#wake();
    this.#stayAwake();
    this.tick();
  }

  get #isWall() {
    return this.#root.hasAttribute("data-wall");
  }

  tick() {
    setText(this.#clock, clock.format());
  }

  #toggle() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.#root.requestFullscreen();
  }

  /** Show the cursor and the button until nobody has moved for a while. */
  #wake() {
    if (!this.#isWall) return;
    this.#root.removeAttribute("data-idle");
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#root.setAttribute("data-idle", ""), IDLE);
  }

  async #stayAwake() {
    if (!this.#isWall || document.hidden || !("wakeLock" in navigator)) return;
    try {
      await navigator.wakeLock.request("screen");
    } catch (error) {
      console.info(`the screen may go to sleep: ${error.message}`);
    }
  }
}
