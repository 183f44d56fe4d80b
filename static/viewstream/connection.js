/** One connection: a socket, and the timers that notice when it is dead. */

/** @import { Socket } from "./types/index.js" */
/** @import { Environment, Timer } from "./types/internal.js" */

/** How long a connection may take to open. Milliseconds. */
const CONNECT_TIMEOUT = 10_000;
/** After this long without a message, a connection counts as dead. Milliseconds. */
export const SILENCE = 15_000;

/**
 * @typedef {object} Handlers
 * @property {() => void} onOpen
 * @property {(text: string) => void} onMessage
 * @property {(end: {code: number, reason: string}) => void} onLost called once, unless the
 *     connection was ended by `end`
 */

export class Connection {
  #environment;
  #handlers;
  /** @type {?Socket} */
  #socket = null;
  #isDropped = false;
  #isOpen = false;
  #heardAt;
  /** @type {Timer} */
  #timer = null;
  /** When the first message came. @type {?number} */
  answeredAt = null;

  /**
   * @param {(token: ?string) => Socket} open
   * @param {?Promise<string>} token the socket is opened once it has come
   * @param {Environment} environment
   * @param {Handlers} handlers
   */
  constructor(open, token, environment, handlers) {
    this.#environment = environment;
    this.#handlers = handlers;
    this.#heardAt = environment.now();
    if (token === null) this.#listen(open(null));
    else this.#openLater(open, token);
    this.#watch();
  }

  /**
   * @param {(token: ?string) => Socket} open
   * @param {Promise<string>} token
   */
  #openLater(open, token) {
    token
      .then((found) => this.#isDropped || this.#listen(open(found)))
      .catch((error) => this.#isDropped || this.#lose(1006, String(error)));
  }

  /** How long ago the last message came, or the attempt to connect began. */
  silentFor() {
    const now = this.#environment.now();
    // A clock that was set back must not make the silence last.
    if (now < this.#heardAt) this.#heardAt = now;
    return now - this.#heardAt;
  }

  /**
   * Close the connection; its later events are ignored.
   *
   * @param {number} code
   * @param {string} reason
   */
  end(code, reason) {
    const socket = this.#socket;
    this.#drop();
    socket?.close(code, shortened(reason));
  }

  /** @param {Socket} socket */
  #listen(socket) {
    this.#socket = socket;
    /** @param {(event: any) => void} handle */
    const ifCurrent = (handle) => (/** @type {any} */ event) => {
      if (this.#socket === socket) handle(event);
    };
    socket.onopen = ifCurrent(() => {
      this.#isOpen = true;
      this.#heardAt = this.#environment.now();
      this.#watch();
      this.#handlers.onOpen();
    });
    socket.onmessage = ifCurrent(({ data }) => {
      this.#heardAt = this.#environment.now();
      this.answeredAt ??= this.#heardAt;
      this.#handlers.onMessage(data);
    });
    socket.onclose = ifCurrent(({ code, reason }) => this.#lose(code, reason));
    socket.onactivity = ifCurrent(() => {
      this.#heardAt = this.#environment.now();
    });
    // The package `ws` throws if nobody listens; `onclose` follows in any case.
    socket.onerror = () => {};
  }

  /** Wait for the time limit, and again for what is left of it if a message came. */
  #watch() {
    const { setTimeout, clearTimeout } = this.#environment;
    clearTimeout(this.#timer);
    const limit = this.#isOpen ? SILENCE : CONNECT_TIMEOUT;
    this.#timer = setTimeout(() => {
      if (this.silentFor() < limit) this.#watch();
      else this.#giveUp();
    }, limit - this.silentFor());
  }

  #giveUp() {
    const reason = this.#isOpen ? "silence" : "connect timeout";
    const socket = this.#socket;
    this.#lose(1006, reason);
    socket?.close(1000, reason);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lose(code, reason) {
    this.#drop();
    this.#handlers.onLost({ code, reason: reason ?? "" });
  }

  #drop() {
    this.#environment.clearTimeout(this.#timer);
    this.#socket = null;
    this.#isDropped = true;
  }
}

/**
 * Cut a close reason, which may have 123 bytes of UTF-8; a unit of a string takes up to 3.
 *
 * @param {string} reason
 */
function shortened(reason) {
  return reason.slice(0, 41);
}
