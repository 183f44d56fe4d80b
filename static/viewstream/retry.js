/** When a client connects again. Milliseconds. */

/** @import { Environment, Timer } from "./types/internal.js" */

/** The bound of the first wait; it doubles with each attempt, up to the longest. */
export const FIRST_DELAY = 500;
export const LONGEST_DELAY = 30_000;
/** The longest wait that a server can ask for. */
const LONGEST_ORDER = 600_000;
/** A connection that lasted this long after its first message resets the backoff. */
const SETTLED = 5_000;

const RETRY = /^retry=(\d{1,4}(?:\.\d{1,3})?)$/;

/**
 * Backoff with full jitter (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture
 * Blog, 2015): a random wait from 0 to a bound that doubles.
 *
 * @param {number} attempts the number of failed attempts so far
 * @param {number} random from 0 to 1
 */
export function backoff(attempts, random) {
  return random * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempts);
}

/**
 * Read the wait that the server asks for in a close reason such as `retry=2.5`, or null.
 *
 * @param {string} reason
 */
export function orderedWait(reason) {
  const match = RETRY.exec(reason);
  return match && Math.min(LONGEST_ORDER, Number(match[1]) * 1000);
}

/** The wait for the next attempt to connect. */
export class Retry {
  #environment;
  #connect;
  /** @type {Timer} */
  #timer = null;
  /** When the next attempt begins; null if none is scheduled. @type {?number} */
  at = null;
  /** Whether the server asked for this wait. */
  isOrdered = false;
  /** How many attempts failed since a connection worked. */
  attempts = 0;

  /**
   * @param {Pick<Environment, "now" | "random" | "setTimeout" | "clearTimeout">} environment
   * @param {() => void} connect
   */
  constructor(environment, connect) {
    this.#environment = environment;
    this.#connect = connect;
  }

  /**
   * Connect after a wait.
   *
   * @param {?number} ordered the wait that the server asked for
   */
  schedule(ordered) {
    const { now, random, setTimeout } = this.#environment;
    const wait = ordered ?? backoff(this.attempts, random());
    this.attempts += 1;
    this.isOrdered = ordered !== null;
    this.at = now() + wait;
    this.#timer = setTimeout(this.#connect, wait);
  }

  cancel() {
    this.#environment.clearTimeout(this.#timer);
    this.at = null;
    this.isOrdered = false;
  }

  /**
   * A connection has ended: reset the backoff if it had worked.
   *
   * @param {?number} answeredAt when its first message came
   */
  settle(answeredAt) {
    if (answeredAt !== null && this.#environment.now() - answeredAt >= SETTLED) this.attempts = 0;
  }
}
