/** How long a client stays away after a connection has ended. Milliseconds. */

/** What the first wait may last; each further one may be twice as long, up to the longest. */
export const FIRST_DELAY = 500;
export const LONGEST_DELAY = 30_000;

const RETRY = /^retry=(\d{1,4}(?:\.\d{1,3})?)$/;

/**
 * Backoff with full jitter (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture
 * Blog, 2015): anything from 0 to a bound that doubles.
 *
 * @param {number} attempts how often it failed already
 * @param {number} chance from 0 to 1
 */
export function backoff(attempts, chance) {
  return chance * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempts);
}

/** The wait that the server asked for in a close reason such as `retry=2.5`, or null. */
export function askedToWait(reason) {
  const match = RETRY.exec(reason);
  return match && Number(match[1]) * 1000;
}
