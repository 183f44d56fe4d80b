/** Server-sent events behind the interface of a WebSocket, for networks that block websockets. */

/** A stream without line ends must not take all memory. Characters. */
const MAX_EVENT = 256 * 1024 * 1024;

/**
 * Cut a stream of text into events. The library resumes by the positions in its request, so `id` is
 * ignored.
 */
export class EventParser {
  #rest = "";
  #name = "";
  /** @type {string[]} */
  #data = [];

  /**
   * Take a piece of text; returns the events that it completes.
   *
   * @param {string} text
   */
  push(text) {
    this.#rest += text;
    if (this.#rest.length > MAX_EVENT) throw new Error("an event is too large");
    // A large event comes in many pieces: look for lines only when there is one.
    if (!/[\r\n]/.test(text)) return [];
    const whole = this.#rest;
    // The second half of a CR LF may still come.
    const end = whole.endsWith("\r") ? whole.length - 1 : whole.length;
    const lines = whole.slice(0, end).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() + whole.slice(end);
    return lines.flatMap((line) => this.#takeLine(line));
  }

  /** @param {string} line */
  #takeLine(line) {
    const [, field, value = ""] = /^(data|event)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === "data") this.#data.push(value);
    if (field === "event") this.#name = value;
    if (line !== "") return [];
    const events = this.#data.length > 0 ? [{ name: this.#name, data: this.#data.join("\n") }] : [];
    this.#data = [];
    this.#name = "";
    return events;
  }
}

/** A connection by `GET` with `Accept: text/event-stream`. */
export class EventStream {
  /** @type {null | ((event: any) => void)} */
  onopen = null;
  /** @type {null | ((event: any) => void)} */
  onmessage = null;
  /** @type {null | ((event: any) => void)} */
  onclose = null;
  /** @type {null | ((event: any) => void)} */
  onerror = null;
  /** Called for everything that comes, also for comments. @type {null | (() => void)} */
  onactivity = null;
  #abort = new AbortController();

  /**
   * @param {string} url
   * @param {typeof globalThis.fetch} fetch
   * @param {?string} token
   */
  constructor(url, fetch, token) {
    this.#read(url, fetch, token).then(
      (end) => this.onclose?.(end),
      (error) => this.onclose?.({ code: 1006, reason: String(error?.message ?? error) }),
    );
  }

  close() {
    this.#abort.abort();
  }

  /**
   * @param {string} url
   * @param {typeof globalThis.fetch} fetch
   * @param {?string} token
   */
  async #read(url, fetch, token) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "text/event-stream" };
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(url, { headers, cache: "no-store", signal: this.#abort.signal });
    if (!response.ok || !response.body) return refusal(response);
    this.onopen?.({});
    const parser = new EventParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { code: 1006, reason: "" };
      this.onactivity?.();
      for (const { name, data } of parser.push(decoder.decode(value, { stream: true }))) {
        // What a close frame is to a websocket; the response ends after it.
        if (name === "close") return JSON.parse(data);
        this.onmessage?.({ data });
      }
    }
  }
}

/**
 * Express a refused request as the close of a websocket: 4000 + its status if the answer is one of
 * the protocol's, which has a sentence as `error`.
 *
 * @param {Response} response
 */
async function refusal(response) {
  const wait = response.headers.get("Retry-After");
  /** @type {any} */
  const body = await response.json().catch(() => null);
  const isOurs = typeof body?.error === "string" && response.status !== 426;
  const code = isOurs ? 4000 + response.status : 1006;
  if (response.status === 503 && /^\d{1,4}$/.test(wait ?? ""))
    return { code, reason: `retry=${wait}` };
  return { code, reason: isOurs ? body.error : "" };
}
