/** The messages of this page's own connection, as they came. */

const KEPT = 12;

/** Counts and keeps what every socket of the page receives. */
export class Messages {
  count = 0;
  /** When a message with a checksum came last, as `Date.now()`. */
  checksumAt = 0;
  /** The last messages, the latest first. @type {{ at: number, text: string }[]} */
  last = [];

  /** A class of websockets whose messages are noted here. */
  get socketClass() {
    const messages = this;
    return class extends WebSocket {
      /** @param {string | URL} url @param {string | string[]} [protocols] */
      constructor(url, protocols) {
        super(url, protocols);
        this.addEventListener("message", ({ data }) => messages.#note(data));
      }
    };
  }

  /** @param {string} text */
  #note(text) {
    const at = Date.now();
    this.count += 1;
    if (/"checksum":\d/.test(text.slice(-200)) || /"checksum":\d/.test(text.slice(0, 400)))
      this.checksumAt = at;
    this.last = [{ at, text: text.slice(0, 2000) }, ...this.last.slice(0, KEPT - 1)];
  }
}
