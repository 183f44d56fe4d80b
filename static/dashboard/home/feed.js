/**
 * Chooses the edits that the ticker shows, so that each stays long enough to be read. Pure.
 *
 * When edits come faster than that, it is a sample: the newest edit by a person, or else by a bot.
 */

/** How many edits are shown. */
export const SHOWN = 7;
/** Milliseconds between two new ones. */
const INTERVAL = 1_400;

export class Feed {
  #shown = [];
  #newestId = -1;
  #changedAt = -Infinity;

  /**
   * The edits to show, the newest first.
   *
   * @param {readonly {id: number, bot: boolean}[]} rows
   * @param {number} now milliseconds
   */
  next(rows, now) {
    const fresh = rows.filter(({ id }) => id > this.#newestId);
    if (this.#shown.length < SHOWN && fresh.length > 0)
      this.#take(newestFirst(rows).slice(0, SHOWN), now);
    else if (fresh.length > 0 && now - this.#changedAt >= INTERVAL) {
      const sorted = newestFirst(fresh);
      const chosen = sorted.find(({ bot }) => !bot) ?? sorted[0];
      this.#take([chosen, ...this.#shown].slice(0, SHOWN), now, sorted[0].id);
    }
    return this.#shown;
  }

  #take(shown, now, newestId = shown[0].id) {
    this.#shown = shown;
    this.#newestId = newestId;
    this.#changedAt = now;
  }
}

/** The edits of a moment, the newest first. */
export function newestFirst(rows) {
  return [...rows].sort((a, b) => (a.id < b.id ? 1 : -1));
}
