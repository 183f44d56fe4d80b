/** Handles a connection's messages one after another, in turns, so that the page stays responsive. */

/** @import { Environment } from "./types/internal.js" */

/** How long messages are handled before the page gets a turn. Milliseconds. */
const TURN = 8;

export class Inbox {
  #environment;
  #handle;
  /** @type {string[]} */
  #queue = [];
  /** @type {?Generator<void, void>} */
  #task = null;
  #isRunning = false;
  #isStopped = false;

  /**
   * @param {Pick<Environment, "defer" | "now">} environment
   * @param {(text: string) => Generator<void, void>} handle handles a message; pauses by `yield`
   */
  constructor(environment, handle) {
    this.#environment = environment;
    this.#handle = handle;
  }

  /** @param {string} text */
  push(text) {
    this.#queue.push(text);
    if (!this.#isRunning) this.#run();
  }

  /** Drop all messages, also the one that is being handled. */
  stop() {
    this.#isStopped = true;
  }

  #run() {
    const { defer, now } = this.#environment;
    const end = now() + TURN;
    this.#isRunning = true;
    while (this.#step()) {
      if (now() < end) continue;
      defer(() => this.#run());
      return;
    }
    this.#isRunning = false;
  }

  /** Returns whether there may be more to do. */
  #step() {
    if (this.#isStopped) return false;
    if (this.#task === null) {
      const text = this.#queue.shift();
      if (text === undefined) return false;
      this.#task = this.#handle(text);
    }
    if (this.#task.next().done) this.#task = null;
    return true;
  }
}
