/** Applies a connection's messages to the views, in turns, so that the page stays responsive. */

import { GAP, MessageError, parseMessage } from "./messages.js";
import { receive, receiveShort } from "./state.js";

/** @import { ViewGroup } from "./group.js" */
/** @import { ConnectionEvent } from "./types/index.js" */
/** @import { CoreChange, Environment } from "./types/internal.js" */

/** How long messages are handled before the page gets a turn. Milliseconds. */
const TURN = 8;

/**
 * @typedef {object} Handlers
 * @property {(event: ConnectionEvent) => void} onAnswer the first answer about a view, or a base
 * @property {(error: MessageError) => void} onRejected a message cannot be applied
 */

export class Dispatcher {
  #environment;
  #group;
  #handlers;
  /** @type {string[]} */
  #queue = [];
  /** @type {?Generator<void, void>} */
  #task = null;
  #isRunning = false;
  #isStopped = false;
  /** The views that the server has answered. @type {Set<string>} */
  #answered = new Set();

  /**
   * @param {Pick<Environment, "defer" | "now">} environment
   * @param {ViewGroup} group
   * @param {Handlers} handlers
   */
  constructor(environment, group, handlers) {
    this.#environment = environment;
    this.#group = group;
    this.#handlers = handlers;
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

  /**
   * Handle one message; pauses by `yield`.
   *
   * @param {string} text
   * @returns {Generator<void, void>}
   */
  *#handle(text) {
    const message = parseMessage(text);
    if (message === null) {
      for (const core of this.#group.cores) core.forget();
      this.#handlers.onRejected(new MessageError(GAP, `expected a message, found ${text}`));
      return;
    }
    const core = this.#group.core(message.view);
    if (core === undefined) return;
    /** @type {?CoreChange | undefined} */
    let change;
    try {
      change = receiveShort(core, message);
      if (change === undefined) change = yield* receive(core, message);
    } catch (error) {
      const isRejected = error instanceof MessageError;
      this.#handlers.onRejected(isRejected ? error : new MessageError(GAP, `a bug: ${error}`));
      if (!isRejected) throw error;
      return;
    }
    if (change !== null) this.#group.deliver(change);
    // A listener may have closed the stream, or made it connect again.
    if (this.#isStopped) return;
    this.#group.setFromCore(core.view);
    const isResumed = message.type === "delta" && core.replica !== null;
    if (message.type === "base" || isResumed) this.#report(core.view, isResumed);
  }

  /**
   * @param {string} view
   * @param {boolean} isResumed whether it goes on from its position, and got no base
   */
  #report(view, isResumed) {
    if (isResumed && this.#answered.has(view)) return;
    this.#answered.add(view);
    this.#handlers.onAnswer({ type: isResumed ? "resumed" : "loaded", view });
  }
}
