/**
 * Streams that several parts of a page share, counted by reference.
 *
 * A stream connects when its first user comes. After the last one has left it stays connected for a
 * while, since frameworks unmount and mount again (StrictMode, hot reload, navigation). Its rows
 * are kept for longer, so that a page that comes back shows them at once and resumes.
 */

import { follow } from "./index.js";

/** @import { Options, Stream } from "./types/index.js" */

/** How long a stream without users stays connected, and how long its rows are kept. Milliseconds. */
export const LINGER = 10_000;
export const KEEP = 300_000;

/** A stream that connects while somebody uses it. */
class SharedStream {
  #users = 0;
  #forget;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  stream;

  /**
   * @param {Stream<any>} stream
   * @param {() => void} forget
   */
  constructor(stream, forget) {
    this.stream = stream;
    this.#forget = forget;
    this.#expire();
  }

  /** Use the stream; returns a function that ends it. */
  use = () => {
    this.#users += 1;
    clearTimeout(this.#timer);
    if (this.#users === 1) this.stream.resume();
    let isUsed = true;
    return () => {
      if (!isUsed) return;
      isUsed = false;
      this.#users -= 1;
      if (this.#users === 0) this.#linger();
    };
  };

  #linger() {
    this.#timer = later(() => {
      this.stream.pause();
      this.#expire();
    }, LINGER);
  }

  /** Not closed: a part of the page that was only hidden may still use it. */
  #expire() {
    this.#timer = later(this.#forget, KEEP);
  }
}

/** @type {Map<string, SharedStream>} */
const streams = new Map();

/**
 * The shared stream of these views with these options, which is not connected before its first use.
 *
 * @param {readonly string[]} views
 * @param {Options<any>} options
 */
export function share(views, options = {}) {
  const { WebSocket, environment, ...plain } = options;
  const key = JSON.stringify([views, plain, identify(WebSocket), identify(environment)]);
  const known = streams.get(key);
  if (known !== undefined) return known;
  const stream = /** @type {any} */ (follow(views, { ...options, paused: true }));
  const shared = new SharedStream(stream, () => streams.delete(key));
  streams.set(key, shared);
  return shared;
}

/** @type {WeakMap<object, number>} */
const identities = new WeakMap();
let lastIdentity = 0;

/** @param {object | undefined} value */
function identify(value) {
  if (value === undefined) return 0;
  const identity = identities.get(value) ?? ++lastIdentity;
  identities.set(value, identity);
  return identity;
}

/**
 * Set a timer that does not keep a Node process alive.
 *
 * @param {() => void} task
 * @param {number} delay
 */
function later(task, delay) {
  const timer = setTimeout(task, delay);
  /** @type {any} */ (timer).unref?.();
  return timer;
}
