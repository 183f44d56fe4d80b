/** Tokens of a page's reader: asked for when one is needed, and in time before one ends. */

/** @import { Options } from "./types/index.js" */
/** @import { Environment, Timer } from "./types/internal.js" */

/** Close codes: the token is refused; it has expired on an open connection. */
const REFUSED = 4401;
const EXPIRED = 4440;
/** How long before its end a token is replaced; at most the last quarter of its life. Milliseconds. */
const EARLY = 30_000;
/** The longest delay that timers have; a token that lives longer is replaced then. */
const LONGEST_TIMER = 2e9;
/** After so many refused tokens in a row, the stream is refused. */
const MAX_REFUSED = 3;

/**
 * The current token, and whether the next one must be asked for.
 *
 * A token is kept over reconnects. The clock of the page may be wrong: the server's close code
 * decides, and the time in the token only makes it early.
 */
export class Tokens {
  #environment;
  #ask;
  /** @type {?Promise<string>} */
  #current = null;
  /** The one that the last connection was opened with. @type {?Promise<string>} */
  #used = null;
  #refused = 0;
  /** When the current one ends, by itself. Milliseconds since 1970; NaN if that is not known. */
  #end = Number.NaN;
  /** @type {Timer} */
  #timer = null;

  /**
   * @param {Pick<Environment, "now" | "setTimeout" | "clearTimeout">} environment
   * @param {Options["token"]} ask
   */
  constructor(environment, ask) {
    this.#environment = environment;
    this.#ask = ask;
  }

  /**
   * The token for a request; null if the page has none.
   *
   * One that has ended would be refused, after a computer slept or the server was away: ask at once.
   */
  get current() {
    if (this.#end <= this.#environment.now()) this.forget();
    if (this.#ask) this.#current ??= this.#request();
    return this.#current;
  }

  /** The token for the next connection; null if the page has none. */
  next() {
    this.#used = this.current;
    return this.#used;
  }

  /** Ask the page; if it fails before the current token has ended, that one stays. */
  #request() {
    const asking = Promise.resolve().then(/** @type {() => Promise<string>} */ (this.#ask));
    asking.then(
      (token) => {
        if (this.#current === null) return; // forgotten by now
        this.#current = asking;
        this.#renewBefore(endOf(token));
      },
      () => this.#drop(asking),
    );
    return asking;
  }

  /** @param {number} end */
  #renewBefore(end) {
    this.#end = end;
    const left = end - this.#environment.now();
    this.#environment.clearTimeout(this.#timer);
    // No known end, or a clock that is wrong: the server's close comes first.
    if (!(left > 0)) return;
    const wait = Math.min(left - Math.min(EARLY, left / 4), LONGEST_TIMER);
    this.#timer = this.#environment.setTimeout(() => this.#request(), wait);
  }

  /**
   * Decide how to go on after a connection: at once or later with another token. Null: the token
   * is not the reason, or no other one will help.
   *
   * @param {number} code
   * @param {boolean} hasAnswered whether a message came
   * @returns {"at once" | "later" | null}
   */
  afterEnd(code, hasAnswered) {
    if (hasAnswered) this.#refused = 0;
    if (!this.#ask || (code !== REFUSED && code !== EXPIRED)) return null;
    this.#drop(this.#used);
    if (code === EXPIRED && hasAnswered) return "at once";
    this.#refused += 1;
    return this.#refused < MAX_REFUSED ? "later" : null;
  }

  /** @param {?Promise<string>} token */
  #drop(token) {
    if (this.#current === token) this.forget();
  }

  /** Ask for no more in advance, and for another one for the next connection. */
  forget() {
    this.#environment.clearTimeout(this.#timer);
    this.#current = null;
    this.#end = Number.NaN;
  }
}

/**
 * When a token ends, in milliseconds since 1970; NaN if it does not say so.
 *
 * @param {string} token
 */
function endOf(token) {
  try {
    const payload = token.replaceAll("-", "+").replaceAll("_", "/").split(".")[1];
    return JSON.parse(atob(/** @type {string} */ (payload))).exp * 1000;
  } catch {
    return Number.NaN;
  }
}
