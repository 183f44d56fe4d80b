/**
 * One connection for several views, and everything that keeps it alive.
 *
 * Whatever ends a connection, the stream connects again and resumes each view at its position.
 * Network, clock, timers and randomness are passed in, so that tests can play any order of events.
 *
 *     PAUSED ──resume──> CONNECTING ──opened──> OPEN
 *        ^                  │    ^               │
 *      pause               lost  └─timer, wake─┐ │ lost
 *     (any state)           └──────────────> RETRYING <┘
 *
 *     refused by the server (any state) ──> REFUSED ──retry()──> CONNECTING
 *     close() (any state) ──> CLOSED
 */

import { backoff, milliseconds, orderedWait } from "./backoff.js";
import { CommonTime } from "./common.js";
import { Connection, SILENCE } from "./connection.js";
import { History } from "./history.js";
import { Inbox } from "./inbox.js";
import { watchPage } from "./lifecycle.js";
import { Listeners } from "./listeners.js";
import { GAP, MessageError } from "./messages.js";
import { EventStream } from "./sse.js";
import { receive, ViewState } from "./state.js";
import { View } from "./view.js";

/** @import { ViewChange } from "./change.js" */
/** @import { ConnectionEvent, Moment, Options, State, Stream as PublicStream, Transport } from "./types/index.js" */
/** @import { CoreChange, Environment, Timer } from "./types/internal.js" */

/** A connection that lasted this long after its first message resets the backoff. Milliseconds. */
const SETTLED = 5_000;
/** After this many websockets that brought no message, server-sent events are tried. */
const MAX_SILENT_WEBSOCKETS = 2;
/** What `keep` may take for each view, unless the page says otherwise. Bytes. */
const KEEP_BYTES = 16_000_000;

/** @typedef {{core: ViewState, view: View, history: ?History}} Entry */

export class Stream {
  #environment;
  #options;
  #server;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {PublicStream["state"]} */
  #state = "paused";
  /** @type {?Connection} */
  #connection = null;
  /** @type {?Inbox} */
  #inbox = null;
  /** The views that the server has answered on this connection. @type {Set<string>} */
  #answered = new Set();
  #attempts = 0;
  #silentWebsockets = 0;
  /** @type {Timer} */
  #retryTimer = null;
  #isWaitOrdered = false;
  /** Why the state is what it is, for the views' standing. */
  #reason = "";
  #isPausedByUser;
  #isFrozen = false;
  /** Stops to watch the page; a stream that is paused does not. */
  #unwatch = () => {};
  /** Null until somebody asks for the common time. @type {?CommonTime} */
  #common = null;
  /** The views at the common time. @type {Map<string, View>} */
  #aligned = new Map();
  #moments = new Listeners();
  #connections = new Listeners();
  /** @type {Map<string, View>} */
  views = new Map();
  /** @type {?number} */
  retryAt = null;

  /**
   * @param {readonly string[]} names
   * @param {URL} server the address of the server's `view/stream`
   * @param {Options<any>} options
   * @param {Environment} environment
   */
  constructor(names, server, options, environment) {
    this.#environment = environment;
    this.#options = options;
    this.#server = server;
    this.#isPausedByUser = options.paused ?? false;
    for (const name of names) this.#add(name);
    if (options.together) this.#startCommonTime(this.views);
    if (this.#isPausedByUser) this.#showState("");
    else this.resume();
  }

  /** @param {string} name */
  #add(name) {
    const { int8 = "number", keys = {}, keep } = this.#options;
    const core = new ViewState(name);
    const history = keep === undefined ? null : makeHistory(keep);
    const key = [/** @type {any} */ (keys)[name] ?? []].flat();
    const together = () => this.#alignedView(name);
    const view = new View(core, { int8, key, history, together }, this.#environment.now());
    this.#entries.set(name, { core, view, history });
    this.views.set(name, view);
  }

  get state() {
    return this.#state;
  }

  /** @param {string} name */
  view = (name) => this.#entry(name).view;

  /** @param {string} name */
  #entry(name) {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    const names = [...this.#entries.keys()].join(", ");
    throw new Error(`expected a view that this stream follows (${names}), found ${name}`);
  }

  /** The views that keep the common time from advancing, and since when. */
  get waitingFor() {
    return [...this.views.values()]
      .filter(({ standing: { state } }) => state === "waiting" || state === "stale")
      .filter(({ asOf }) => asOf !== Infinity)
      .map(({ name, standing }) => ({ view: name, ...standing }));
  }

  /** @param {(moment: Moment<any>) => void} listener */
  onChange = (listener) => {
    this.#startCommonTime(null);
    const moment = this.#moment(new Map());
    if (moment) listener(moment);
    return this.#moments.add(listener);
  };

  /** @param {(event: ConnectionEvent) => void} listener */
  onConnection = (listener) => this.#connections.add(listener);

  /** @param {() => void} callback */
  subscribe = (callback) => this.#connections.add(callback);

  /** Check the connection: the page is seen again, the laptop slept, the network is back. */
  wake = () => {
    if (this.#state === "retrying") {
      if (!this.#isWaitOrdered) this.#connect();
    } else if (this.#connection !== null && this.#connection.silentFor() > SILENCE / 2) {
      this.#leave(1000, "silence");
      this.#connect();
    }
  };

  retry = () => {
    if (this.#state === "retrying" || this.#state === "refused") this.#connect();
    else this.wake();
  };

  pause = () => {
    this.#isPausedByUser = true;
    this.#isFrozen = false;
    this.#unwatch();
    this.#pauseOrResume();
  };

  resume = () => {
    if (this.#state === "closed") return;
    this.#isPausedByUser = false;
    this.#unwatch();
    this.#unwatch = watchPage(this.#environment, {
      wake: this.wake,
      pause: () => this.#freeze(true),
      resume: () => this.#freeze(false),
    });
    this.#pauseOrResume();
  };

  close = () => {
    this.#unwatch();
    this.#stop("closed");
  };

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
    this.#cancelRetry();
    this.#state = state;
    this.#leave(1000, "");
    this.#showState("");
    this.#report({ type: state });
  }

  #cancelRetry() {
    this.#environment.clearTimeout(this.#retryTimer);
    this.retryAt = null;
    this.#isWaitOrdered = false;
  }

  #connect() {
    this.#cancelRetry();
    this.#state = "connecting";
    this.#answered.clear();
    this.#showState(this.#reason);
    const transport = this.#transport();
    this.#report({ type: "connecting", transport, attempt: this.#attempts + 1 });
    const inbox = new Inbox(this.#environment, (text) => this.#handle(text, inbox));
    this.#inbox = inbox;
    try {
      this.#connection = new Connection(() => this.#open(transport), this.#environment, {
        onOpen: () => this.#onOpen(transport),
        onMessage: (text) => inbox.push(text),
        onLost: ({ code, reason }) => this.#onLost(transport, code, reason),
      });
    } catch (error) {
      // Such as an insecure websocket in a secure page.
      this.#onLost(transport, 1006, String(error));
    }
  }

  /** @param {Transport} transport */
  #onOpen(transport) {
    this.#state = "open";
    this.#report({ type: "connected", transport });
  }

  /** @returns {Transport} */
  #transport() {
    const { WebSocket, fetch } = this.#environment;
    const { transport } = this.#options;
    if (transport !== undefined) return transport;
    if (WebSocket === undefined) return "sse";
    const isBlocked = this.#silentWebsockets >= MAX_SILENT_WEBSOCKETS;
    return isBlocked && fetch !== undefined ? "sse" : "websocket";
  }

  /** @param {Transport} transport */
  #open(transport) {
    const { WebSocket, fetch } = this.#environment;
    const url = new URL(this.#server);
    for (const { core } of this.#entries.values()) url.searchParams.append("view", core.request);
    if (transport === "sse" && fetch) return new EventStream(url.href, fetch);
    if (transport === "websocket" && WebSocket) {
      url.protocol = url.protocol.replace("http", "ws");
      return new WebSocket(url.href);
    }
    throw new Error(`expected a global ${transport === "sse" ? "fetch" : "WebSocket"}, found none`);
  }

  /**
   * @param {Transport} transport
   * @param {number} code
   * @param {string} reason
   */
  #onLost(transport, code, reason) {
    if (transport === "sse") {
      // A websocket is tried first again: the network may be another one by now.
      this.#silentWebsockets = MAX_SILENT_WEBSOCKETS - 1;
    } else {
      const isSilent = (this.#connection?.answeredAt ?? null) === null;
      this.#silentWebsockets = isSilent ? this.#silentWebsockets + 1 : 0;
    }
    if (code >= 4400 && code < 4500) this.#refuse(code, reason);
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
    this.#report({ type: "refused", code, reason });
  }

  /**
   * The connection is lost: connect again after a wait.
   *
   * @param {number} code
   * @param {string} reason
   * @param {?number} ordered the wait that the server asked for
   */
  #lose(code, reason, ordered) {
    const { now, random, setTimeout } = this.#environment;
    this.#leave();
    const wait = ordered ?? backoff(this.#attempts, random());
    this.#state = "retrying";
    this.#attempts += 1;
    this.#isWaitOrdered = ordered !== null;
    this.retryAt = now() + wait;
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    // Only what the server says is worth reading: other reasons are texts of browsers.
    this.#showState(code >= 4400 ? reason : "");
    this.#report({ type: "disconnected", code, reason, retryAt: this.retryAt });
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
    this.#inbox?.stop();
    this.#inbox = null;
    const { answeredAt } = connection;
    if (answeredAt !== null && this.#environment.now() - answeredAt >= SETTLED) this.#attempts = 0;
    for (const { core } of this.#entries.values()) core.disconnect();
    if (code !== undefined) connection.end(code, reason);
  }

  /**
   * Handle one message.
   *
   * @param {string} text
   * @param {Inbox} inbox
   * @returns {Generator<void, void>}
   */
  *#handle(text, inbox) {
    const message = parsed(text);
    if (message === null) {
      for (const { core } of this.#entries.values()) core.forget();
      this.#reject(new MessageError(GAP, `expected a message, found ${text}`));
      return;
    }
    const entry = this.#entries.get(message.view);
    if (entry === undefined) return;
    let change;
    try {
      change = yield* receive(entry.core, message);
    } catch (error) {
      const isRejected = error instanceof MessageError;
      this.#reject(isRejected ? error : new MessageError(GAP, `a bug: ${error}`));
      if (!isRejected) throw error;
      return;
    }
    if (change !== null) this.#deliver(entry, change);
    // A listener may have closed the stream, or made it connect again.
    if (this.#inbox !== inbox) return;
    this.#setFromCore(entry);
    this.#reportAnswer(message.type, entry.core);
  }

  /** @param {MessageError} error */
  #reject({ code, message }) {
    const connection = this.#connection;
    this.#lose(code, message, null);
    connection?.end(code, message);
  }

  /**
   * @param {string} type
   * @param {ViewState} core
   */
  #reportAnswer(type, { view, replica }) {
    const isResumed = type === "delta" && replica !== null && !this.#answered.has(view);
    if (type === "base" || isResumed) {
      this.#answered.add(view);
      this.#report({ type: isResumed ? "resumed" : "loaded", view });
    }
  }

  /**
   * Show a change, and call the listeners.
   *
   * @param {Entry} entry
   * @param {CoreChange} change
   */
  #deliver({ core, view, history }, change) {
    history?.record(change);
    this.#common?.push(change);
    if (!this.#options.together) view.apply(change, core.rows);
    const moved = this.#moveAligned();
    if (!this.#options.together) view.announce();
    this.#announceAligned(moved);
  }

  /** Move all views to the next common time, before any listener is called. */
  #moveAligned() {
    const changes = this.#common?.advance() ?? [];
    return changes.map((change) => {
      const view = /** @type {View} */ (this.#aligned.get(change.view));
      view.apply(change, null);
      return view;
    });
  }

  /** @param {View[]} moved */
  #announceAligned(moved) {
    if (moved.length === 0) return;
    const changes = new Map(moved.map((view) => [view.name, view.change]));
    for (const view of moved) view.announce();
    this.#moments.call(this.#moment(changes));
  }

  /** @param {Map<string, ?ViewChange>} changes */
  #moment(changes) {
    const time = this.#common?.frontier ?? null;
    const view = (/** @type {string} */ name) => this.#alignedView(name);
    return time === null ? null : /** @type {Moment<any>} */ ({ time, changes, view });
  }

  /** @param {string} name */
  #alignedView(name) {
    this.#startCommonTime(null);
    return /** @type {View} */ (this.#aligned.get(this.#entry(name).view.name));
  }

  /**
   * Begin to keep a common time, shown by `views`, or by views of its own.
   *
   * @param {?Map<string, View>} views
   */
  #startCommonTime(views) {
    if (this.#common !== null) return;
    this.#common = new CommonTime(this.#entries.keys());
    this.#aligned = views ?? new Map();
    for (const [name, { core, view }] of this.#entries) {
      if (views !== null) continue;
      const { replica } = core;
      this.#aligned.set(name, view.twin());
      if (replica === null) continue;
      const { epoch, frontier: upper, columns } = replica;
      const rows = new Map(replica.rows);
      this.#common.push({ view: name, epoch, lower: null, upper, columns, rows, updates: null });
    }
    this.#announceAligned(this.#moveAligned());
  }

  /** @param {Entry} entry */
  #setFromCore({ core, view }) {
    const { status, replica, unverified } = core;
    const state = status?.state;
    if (state === "waiting" || state === "stale" || state === "refused") {
      this.#set(view.name, state, status?.reason ?? "");
    } else if (replica === null) {
      this.#set(view.name, "waiting", status?.reason ?? "");
    } else {
      this.#set(view.name, unverified ? "unverified" : "live", "");
    }
  }

  /**
   * Set the standing of all views to what the state of the stream means for them.
   *
   * @param {string} reason
   */
  #showState(reason) {
    this.#reason = reason;
    for (const name of this.#entries.keys()) {
      // Read each time: a listener may have changed it.
      const state = this.#state === "retrying" ? "connecting" : this.#state;
      if (state !== "open") this.#set(name, state, this.#reason);
    }
  }

  /**
   * @param {string} name
   * @param {State} state
   * @param {string} reason
   */
  #set(name, state, reason) {
    const now = this.#environment.now();
    this.#common?.exclude(name, state === "refused");
    this.views.get(name)?.setStanding(state, reason, now);
    this.#aligned.get(name)?.setStanding(state, reason, now);
    this.#announceAligned(this.#moveAligned());
  }

  /** @param {ConnectionEvent} event */
  #report(event) {
    this.#connections.call(event);
  }
}

/** @param {NonNullable<Options["keep"]>} keep */
function makeHistory(keep) {
  const { time, bytes = KEEP_BYTES } = typeof keep === "object" ? keep : { time: keep };
  return new History(milliseconds(time), bytes);
}

/** @param {string} text */
function parsed(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  const isMessage = typeof message?.type === "string" && typeof message.view === "string";
  return isMessage ? message : null;
}
