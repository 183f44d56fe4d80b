/** How long a client waits before it connects again. Milliseconds. */

/** The bound of the first wait; it doubles with each attempt, up to the longest. */
export const FIRST_DELAY = 500;
export const LONGEST_DELAY = 30_000;
/** The longest wait that a server can ask for. */
export const LONGEST_ORDER = 600_000;

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

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Read a duration: milliseconds, or a text such as "90s", "5m", "1h".
 *
 * @param {string | number} duration
 */
export function milliseconds(duration) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(String(duration));
  const unit = /** @type {keyof typeof UNITS} */ (match?.[2]);
  const value = match ? Number(match[1]) * UNITS[unit] : duration;
  if (!(typeof value === "number" && value >= 0))
    throw new Error(`expected a duration such as "5m", found ${duration}`);
  return value;
}
