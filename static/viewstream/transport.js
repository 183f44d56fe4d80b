/** The choice between websockets and server-sent events. */

import { EventStream } from "./sse.js";

/** @import { Socket, Transport } from "./types/index.js" */
/** @import { Environment } from "./types/internal.js" */

/** After this many websockets that brought no message, server-sent events are tried. */
const MAX_SILENT = 2;

export class Transports {
  #environment;
  #only;
  #silentWebsockets = 0;

  /**
   * @param {Pick<Environment, "WebSocket" | "fetch">} environment
   * @param {Transport | undefined} only the transport that the page asks for
   */
  constructor(environment, only) {
    this.#environment = environment;
    this.#only = only;
  }

  /**
   * The transport to try next.
   *
   * @returns {Transport}
   */
  get next() {
    const { WebSocket, fetch } = this.#environment;
    if (this.#only !== undefined) return this.#only;
    if (WebSocket === undefined) return "sse";
    return this.#silentWebsockets >= MAX_SILENT && fetch !== undefined ? "sse" : "websocket";
  }

  /**
   * Begin to connect.
   *
   * @param {Transport} transport
   * @param {URL} url an address of http or https
   * @param {?string} token
   * @returns {Socket}
   */
  open(transport, url, token) {
    const { WebSocket, fetch } = this.#environment;
    if (transport === "sse" && fetch) return new EventStream(url.href, fetch, token);
    if (transport === "websocket" && WebSocket) {
      // A page can set no header of a websocket; the server answers with the first subprotocol.
      const protocols = token === null ? [] : ["viewstream", `bearer.${token}`];
      return new WebSocket(url.href.replace("http", "ws"), protocols);
    }
    throw new Error(`expected a global ${transport === "sse" ? "fetch" : "WebSocket"}, found none`);
  }

  /**
   * Remember how a connection went.
   *
   * @param {Transport} transport
   * @param {boolean} hasAnswered whether a message came
   */
  record(transport, hasAnswered) {
    if (transport === "sse") {
      // A websocket is tried first again: the network may be another one by now.
      this.#silentWebsockets = MAX_SILENT - 1;
    } else {
      this.#silentWebsockets = hasAnswered ? 0 : this.#silentWebsockets + 1;
    }
  }
}
