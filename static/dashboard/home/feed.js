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
  /** The keys of the edits that were there when the last one was chosen. */
  #seen = new Set();
  #changedAt = -Infinity;

  /**
   * The edits to show, the newest first.
   *
   * @param {readonly {id: number, wiki: ?string, time: string, bot: boolean}[]} rows
   * @param {number} now milliseconds
   */
  next(rows, now) {
    const sorted = newestFirst(rows);
    const fresh = sorted.filter((row) => !this.#seen.has(keyOf(row)));
    const isFull = this.#shown.length === SHOWN;
    if (fresh.length === 0 || (isFull && now - this.#changedAt < INTERVAL)) return this.#shown;
    const chosen = fresh.find(({ bot }) => !bot) ?? fresh[0];
    this.#shown = isFull ? [chosen, ...this.#shown.slice(0, -1)] : sorted.slice(0, SHOWN);
    this.#seen = new Set([...sorted, ...this.#shown].map(keyOf));
    this.#changedAt = now;
    return this.#shown;
  }
}

/** What identifies an edit: each wiki has numbers of its own. */
export function keyOf({ wiki, id }) {
  return `${wiki} ${id}`;
}

/** The edits of a moment, the newest first. */
export function newestFirst(rows) {
  return [...rows].sort((a, b) => {
    if (a.time !== b.time) return a.time < b.time ? 1 : -1;
    return a.id === b.id ? 0 : a.id < b.id ? 1 : -1;
  });
}
