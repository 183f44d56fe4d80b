/** The server's clock, and what the server says of its source. */

import { clockOffset } from "../site/freshness.js";

export class ServerClock {
  #url;
  #offset = 0;

  /** @param {URL} url of a small answer */
  constructor(url) {
    this.#url = url;
  }

  now() {
    return Date.now() + this.#offset;
  }

  /** Compare the clocks; returns the answer. Not every server has one. */
  async ask() {
    const asked = Date.now();
    const response = await fetch(this.#url, { cache: "no-store" });
    this.#offset = clockOffset(response.headers.get("Date"), asked, Date.now());
    return response.ok ? response.json() : null;
  }
}
