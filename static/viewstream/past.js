/** Asks the server for changes that came before the page did, and for those that came merged. */

import { checkDelta } from "./messages.js";

/** @import { History } from "./history.js" */
/** @import { Tokens } from "./token.js" */
/** @import { Environment, PastChanges, PastGap, Rows } from "./types/internal.js" */

/** @typedef {{name: string, history: History, rows: () => Rows}} Kept what is kept of a view */

export class Past {
  #fetch;
  #server;
  #tokens;

  /**
   * @param {Pick<Environment, "fetch">} environment
   * @param {URL} server the address of the server's `view/stream`
   * @param {Tokens} tokens
   */
  constructor({ fetch }, server, tokens) {
    this.#fetch = fetch;
    this.#server = server;
    this.#tokens = tokens;
  }

  /**
   * Fill what is missing of a view's past from a time on, the latest first, until the server has no
   * more of it, or no more of it is kept.
   *
   * @param {Kept} kept
   * @param {number} time
   */
  async fill({ name, history, rows }, time) {
    let gap = history.missing(time);
    while (gap !== null) {
      const past = await this.#ask(name, gap);
      if (past === null) return;
      history.fill(past, rows());
      const next = history.missing(time);
      if (next !== null && (next.upper >= gap.upper || next.epoch !== gap.epoch)) return;
      gap = next;
    }
  }

  /**
   * @param {string} name
   * @param {PastGap} gap
   * @returns {Promise<?PastChanges>} null if the epoch has ended
   */
  async #ask(name, { epoch, upper, since }) {
    if (this.#fetch === undefined) throw new Error("expected a global fetch, found none");
    const url = new URL("history", this.#server);
    const query = { view: name, before: `${epoch}:${upper}`, since: String(since) };
    url.search = String(new URLSearchParams(query));
    const token = await this.#tokens.current;
    /** @type {Record<string, string>} */
    const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
    const response = await this.#fetch(url.href, { cache: "no-store", headers });
    if (response.status === 410) return null;
    const answer = await response.json();
    if (!response.ok) throw new Error(`no past of ${name}: ${answer.error}`);
    for (const delta of answer.deltas) checkDelta(delta);
    return answer;
  }
}
