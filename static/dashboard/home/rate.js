/** The rate of edits: from the total of two times, or while there is one only, from the chart. */

/** Milliseconds over which the rate is the mean, and the fewest that give one. */
const SPAN = 10_000;
const FEWEST = 3_000;

/**
 * @param {import("./shown.js").Shown} shown
 * @param {?import("./pace.js").Pace} pace at the time that is shown
 * @returns {?number} edits a second; null if nothing is known
 */
export function rateAt(shown, pace) {
  const { time } = shown;
  if (time === null) return null;
  const from = Math.max(time - SPAN, shown.keptFromOf("counter") ?? time);
  if (time - from < FEWEST) return pace?.rate ?? null;
  const [before, after] = [shown.rowsAt("counter", from), shown.rows("counter")];
  if (!before || !after) return pace?.rate ?? null;
  return (Number(after[0]?.count ?? 0) - Number(before[0]?.count ?? 0)) / ((time - from) / 1000);
}
