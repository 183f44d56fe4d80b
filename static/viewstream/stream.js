/**
 * One connection for several views, and everything that keeps it alive.
 *
 * Whatever ends a connection, the stream connects again and resumes each view at its position.
 * Network, clock, timers and randomness are passed in, so that tests can play any order of events.
 *
 *     PAUSED ──resume()──> CONNECTING ──opened──> OPEN
 *                           ↑      │               │
 *        timer, wake, retry │      │ lost          │ lost
 *                           │      ↓               │
 *                          RETRYING ←──────────────┘
 *
 *     in any state: pause() or a frozen page ──> PAUSED, refused for good ──> REFUSED,
 *     close() ──> CLOSED; and REFUSED ──retry()──> CONNECTING
 */

import { Connection, SILENCE } from "./connection.js";
import { Dispatcher } from "./dispatcher.js";
import { ViewGroup } from "./group.js";
import { watchPage } from "./lifecycle.js";
import { Listeners } from "./listeners.js";
import { Past } from "./past.js";
import { orderedWait, Retry } from "./retry.js";
import { Tokens } from "./token.js";
import { Transports } from "./transport.js";

/** @import { MessageError } from "./messages.js" */
/** @import { ConnectionEvent, Moment, Options, Stream as PublicStream, Transport } from "./types/index.js" */
/** @import { Environment } from "./types/internal.js" */

export class Stream {
  #environment;
  #server;
  #group;
  #transports;
  #tokens;
  #past;
  /** @type {PublicStream["state"]} */
  #state = "paused";
  /** @type {?Connection} */
  #connection = null;
  /** @type {?Dispatcher} */
  #dispatcher = null;
  #retry;
  /** Why the state is what it is, for the views' standing. */
  #reason = "";
  #isPausedByUser;
  #isFrozen = false;
  /** Stops watching the page; null while the stream does not, as it is paused. @type {null | (() => void)} */
  #unwatch = null;
  #connections = new Listeners();

  /**
   * @param {readonly string[]} names
   * @param {URL} server the address of the server's `view/stream`
   * @param {Options<any>} options
   * @param {Environment} environment
   */
  constructor(names, server, options, environment) {
    this.#environment = environment;
    this.#server = server;
    this.#isPausedByUser = options.paused ?? false;
    this.#retry = new Retry(environment, () => this.#connect());
    this.#transports = new Transports(environment, options.transport);
    this.#tokens = new Tokens(environment, options.token);
    this.#past = new Past(environment, server, this.#tokens);
    this.#group = new ViewGroup(names, options, environment.now);
    if (this.#isPausedByUser) this.#showState("");
    else this.resume();
  }

  get retryAt() {
    return this.#retry.at;
  }

  get views() {
    return this.#group.views;
  }

  /** @param {string} name */
  view = (name) => this.#group.view(name);

  get waitingFor() {
    return this.#group.waitingFor;
  }

  /** @param {(moment: Moment<any>) => void} listener */
  onChange = (listener) => this.#group.onChange(listener);

  /** @param {number} time */
  fetchPast = async (time) => {
    await Promise.all(this.#group.kept.map((kept) => this.#past.fill(kept, time)));
  };

  get state() {
    return this.#state;
  }

  /** @param {(event: ConnectionEvent) => void} listener */
  onConnection = (listener) => this.#connections.add(listener);

  /** @param {() => void} callback */
  subscribe = (callback) => this.#connections.add(callback);

  /** Check the connection: the page is seen again, the laptop slept, the network is back. */
  wake = () => {
    if (this.#state === "retrying") {
      if (!this.#retry.isOrdered) this.#connect();
    } else if (this.#connection !== null && this.#connection.silentFor() > SILENCE / 2) {
      this.#leave(1000, "silence");
      this.#connect();
    }
  };

  retry = () => {
    if (this.#state === "refused") this.#tokens.forget();
    if (this.#state === "retrying" || this.#state === "refused") this.#connect();
    else this.wake();
  };

  pause = () => {
    this.#isPausedByUser = true;
    this.#isFrozen = false;
    this.#stopWatching();
    this.#pauseOrResume();
  };

  resume = () => {
    if (this.#state === "closed") return;
    this.#isPausedByUser = false;
    this.#unwatch ??= watchPage(this.#environment, {
      wake: this.wake,
      pause: () => this.#freeze(true),
      resume: () => this.#freeze(false),
    });
    this.#pauseOrResume();
  };

  close = () => {
    this.#stopWatching();
    this.#stop("closed");
  };

  #stopWatching() {
    this.#unwatch?.();
    this.#unwatch = null;
  }

  /** @param {boolean} isFrozen */
  #freeze(isFrozen) {
    this.#isFrozen = isFrozen;
    this.#pauseOrResume();
  }

  #pauseOrResume() {
    if (this.#state === "closed") return;
    if (this.#isPausedByUser || this.#isFrozen) this.#stop("paused");
    else if (this.#state === "paused") this.#connect();
    else this.wake();
  }

  /** @param {"paused" | "closed"} state */
  #stop(state) {
    if (this.#state === "closed") return;
    this.#retry.cancel();
    this.#tokens.forget();
    this.#state = state;
    this.#leave(1000, "");
    this.#showState("");
    this.#connections.call({ type: state });
  }

  /** @param {boolean} [isQuiet] whether the views' standing stays as it is */
  #connect(isQuiet = false) {
    this.#retry.cancel();
    this.#state = "connecting";
    if (!isQuiet) this.#showState(this.#reason);
    const transport = this.#transports.next;
    this.#connections.call({ type: "connecting", transport, attempt: this.#retry.attempts + 1 });
    // A listener may have closed the stream, or made it connect.
    if (this.#state !== "connecting" || this.#connection !== null) return;
    const dispatcher = new Dispatcher(this.#environment, this.#group, {
      onAnswer: (event) => this.#connections.call(event),
      onRejected: (error) => this.#reject(error),
    });
    this.#dispatcher = dispatcher;
    try {
      this.#connection = new Connection(
        (token) => this.#transports.open(transport, this.#url(), token),
        this.#tokens.next(),
        this.#environment,
        {
          onOpen: () => this.#onOpen(transport),
          onMessage: (text) => dispatcher.push(text),
          onLost: ({ code, reason }) => this.#onLost(transport, code, reason),
        },
      );
    } catch (error) {
      // Such as an insecure websocket in a secure page.
      this.#onLost(transport, 1006, String(error));
    }
  }

  /** @param {Transport} transport */
  #onOpen(transport) {
    this.#state = "open";
    this.#connections.call({ type: "connected", transport });
  }

  /** The address that asks for all views, each at its position. */
  #url() {
    const url = new URL(this.#server);
    for (const { request } of this.#group.cores) url.searchParams.append("view", request);
    return url;
  }

  /**
   * @param {Transport} transport
   * @param {number} code
   * @param {string} reason
   */
  #onLost(transport, code, reason) {
    const hasAnswered = (this.#connection?.answeredAt ?? null) !== null;
    // 4429: too many clients of one address, as it is now.
    const isRefused = code >= 4400 && code < 4500 && code !== 4429;
    this.#transports.record(transport, hasAnswered || isRefused);
    const next = this.#tokens.afterEnd(code, hasAnswered);
    if (next === "at once") {
      this.#leave();
      this.#connect(true);
    } else if (isRefused && next === null) this.#refuse(code, reason);
    else this.#lose(code, reason, orderedWait(reason));
  }

  /**
   * The server refuses the page or all views for good; only `retry()` tries again.
   *
   * @param {number} code
   * @param {string} reason
   */
  #refuse(code, reason) {
    this.#state = "refused";
    this.#leave();
    this.#showState(reason);
    this.#connections.call({ type: "refused", code, reason });
  }

  /**
   * The connection is lost: connect again after a wait.
   *
   * @param {number} code
   * @param {string} reason
   * @param {?number} ordered the wait that the server asked for
   */
  #lose(code, reason, ordered) {
    this.#leave();
    this.#state = "retrying";
    this.#retry.schedule(ordered);
    // Only the server's reasons are for people; the others are texts of browsers.
    this.#showState(code >= 4400 ? reason : "");
    this.#connections.call({ type: "disconnected", code, reason, retryAt: this.retryAt });
  }

  /**
   * Drop the connection; with a code it is still to be closed.
   *
   * @param {number} [code]
   * @param {string} [reason]
   */
  #leave(code, reason = "") {
    const connection = this.#connection;
    if (connection === null) return;
    this.#connection = null;
    this.#dispatcher?.stop();
    this.#retry.settle(connection.answeredAt);
    for (const core of this.#group.cores) core.disconnect();
    if (code !== undefined) connection.end(code, reason);
  }

  /** @param {MessageError} error */
  #reject({ code, message }) {
    const connection = this.#connection;
    this.#lose(code, message, null);
    connection?.end(code, message);
  }

  /**
   * Set the standing of all views to what the state of the stream means for them.
   *
   * @param {string} reason
   */
  #showState(reason) {
    this.#reason = reason;
    this.#group.setAll(() => {
      const state = this.#state === "retrying" ? "connecting" : this.#state;
      return state === "open" ? null : { state, reason: this.#reason };
    });
  }
}
