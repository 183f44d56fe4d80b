/**
 * The thin shell around the core: one websocket for several views, and all that keeps it alive.
 *
 * After whatever ends a connection it comes back, resuming each view where it stands. Socket,
 * time, timers and randomness are passed in, so that tests can play any order of events.
 */

import { GAP, RefusalError } from "./refusal.js";
import { receive } from "./state.js";
import { View } from "./view.js";
import { askedToWait, backoff } from "./wait.js";

/** Without a message for so long, a connection counts as dead. Milliseconds. */
export const SILENCE = 15_000;
/** A connection that lasted so long after its first message worked: waits begin small again. */
const SETTLED = 5_000;
/** For how long messages may be worked on before the page gets a turn. */
const TURN = 8;
/** Events after which the network may be another, or much time may have passed. */
const WAKE_EVENTS = ["online", "pageshow", "visibilitychange", "focus"];

/**
 * Follow views of a server: returns a Stream, which begins to connect at once.
 *
 * @param {string[]} views names, as the server knows them
 * @param {object} [options]
 * @param {string|URL} [options.server] where the server is; by default where this file is from
 * @param {object} [options.environment] for tests: what of `browser()` is to be replaced
 */
export function follow(views, { server = new URL("..", import.meta.url), environment } = {}) {
  return new Stream(views, server, { ...browser(), ...environment });
}

function browser() {
  return {
    WebSocket: globalThis.WebSocket,
    now: Date.now,
    random: Math.random,
    setTimeout: globalThis.setTimeout.bind(globalThis),
    clearTimeout: globalThis.clearTimeout.bind(globalThis),
    defer,
    events: globalThis,
  };
}

/** Run `task` after the page had its turn; unlike a timer, not slowed down in a hidden tab. */
function defer(task) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    task();
  };
  port2.postMessage(null);
}

/** Made by `follow`. Its views stay as they are when it is closed. */
export class Stream {
  #environment;
  #server;
  #socket = null;
  #closed = false;
  #queue = [];
  #task = null;
  #working = false;
  #attempts = 0;
  #answeredAt = null;
  #heardAt = 0;
  #silenceTimer = null;
  #retryTimer = null;
  #waitIsOrdered = false;
  #wake = () => this.wake();

  constructor(names, server, environment) {
    this.#environment = environment;
    this.#server = new URL("view/stream", withSlash(server));
    this.#server.protocol = this.#server.protocol.replace(/^http/, "ws");
    /** @type {Map<string, View>} */
    this.views = new Map(names.map((name) => [name, new View(name)]));
    /** When the next attempt to connect begins, by the clock passed in; null while there is one. */
    this.retryAt = null;
    for (const name of WAKE_EVENTS) environment.events?.addEventListener?.(name, this.#wake);
    this.#connect();
  }

  /** The view of that name; throws if it is not one of those followed. */
  view(name) {
    const view = this.views.get(name);
    if (view === undefined) throw new Error(`expected a view that is followed, found ${name}`);
    return view;
  }

  /** End it for good. */
  close() {
    const { events } = this.#environment;
    for (const name of WAKE_EVENTS) events?.removeEventListener?.(name, this.#wake);
    this.#closed = true;
    this.#leave(1000, "");
    this.#environment.clearTimeout(this.#retryTimer);
    this.retryAt = null;
    for (const view of this.views.values()) view.connection("closed");
  }

  /**
   * Look at the connection now: the tab was hidden, the laptop slept, the network is back.
   *
   * A wait of our own making ends; one that the server ordered does not. A connection that has
   * been silent for longer than a living one would is given up.
   */
  wake() {
    if (this.#closed) return;
    if (this.#socket === null) {
      if (!this.#waitIsOrdered) this.#connect();
    } else if (this.#silentFor() > SILENCE / 2) {
      this.#leave(1000, "silence");
      this.#connect();
    }
  }

  #connect() {
    const { WebSocket, clearTimeout, now } = this.#environment;
    clearTimeout(this.#retryTimer);
    this.retryAt = null;
    this.#waitIsOrdered = false;
    const socket = new WebSocket(this.#address());
    this.#socket = socket;
    this.#answeredAt = null;
    this.#heardAt = now();
    this.#listenForSilence();
    // A socket that has been given up may still have events to come: they are nobody's.
    const ours = (handle) => (event) => {
      if (this.#socket === socket) handle(event);
    };
    socket.onopen = ours(() => {
      this.#heardAt = now();
    });
    socket.onmessage = ours((event) => {
      this.#heardAt = now();
      this.#answeredAt ??= now();
      this.#queue.push(event.data);
      if (!this.#working) this.#work(socket);
    });
    socket.onclose = ours((event) => {
      const ordered = askedToWait(event.reason);
      this.#leave();
      this.#comeBack(ordered);
    });
  }

  #address() {
    const address = new URL(this.#server);
    for (const { core } of this.views.values()) address.searchParams.append("view", core.resume);
    return address.href;
  }

  #silentFor() {
    const { now } = this.#environment;
    // A clock that was set back must not make the silence last.
    if (now() < this.#heardAt) this.#heardAt = now();
    return now() - this.#heardAt;
  }

  #listenForSilence() {
    const { setTimeout, clearTimeout } = this.#environment;
    clearTimeout(this.#silenceTimer);
    const left = SILENCE - this.#silentFor();
    this.#silenceTimer = setTimeout(() => {
      if (this.#silentFor() < SILENCE) {
        this.#listenForSilence();
      } else {
        this.#leave(1000, "silence");
        this.#comeBack(null);
      }
    }, left);
  }

  /** Work through the queue, one message after the other, in turns. */
  #work(socket) {
    const { defer, now } = this.#environment;
    const end = now() + TURN;
    this.#working = true;
    while (this.#socket === socket) {
      if (this.#task !== null) this.#step(socket);
      else if (this.#queue.length > 0) this.#begin(this.#queue.shift());
      else break;
      if (now() >= end) {
        defer(() => {
          if (this.#socket === socket) this.#work(socket);
        });
        return;
      }
    }
    this.#working = false;
  }

  #begin(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      message = null;
    }
    if (typeof message?.type !== "string" || typeof message.view !== "string") {
      this.#refuse(null, new RefusalError(GAP, `expected a message, found ${text}`));
      return;
    }
    const view = this.views.get(message.view);
    if (view !== undefined) this.#task = { view, steps: receive(view.core, message) };
  }

  #step(socket) {
    const { view, steps } = this.#task;
    let step;
    try {
      step = steps.next();
    } catch (error) {
      const refused = error instanceof RefusalError;
      this.#refuse(view, refused ? error : new RefusalError(GAP, `a mistake: ${error}`));
      if (!refused) throw error;
      return;
    }
    if (!step.done) return;
    this.#task = null;
    if (step.value !== null) view.moved(step.value);
    // A listener may have closed the stream, or made it connect anew.
    if (this.#socket === socket) view.connection("open");
  }

  /** Give up a connection that brought what cannot be applied, in one view or (null) in all. */
  #refuse(view, { code, message }) {
    if (view === null) for (const { core } of this.views.values()) core.forget();
    this.#leave(code, message);
    this.#comeBack(null);
  }

  /** Have no connection any more. Without a code it is closed already. */
  #leave(code, reason) {
    const { now, clearTimeout } = this.#environment;
    clearTimeout(this.#silenceTimer);
    const socket = this.#socket;
    if (socket === null) return;
    this.#socket = null;
    this.#queue = [];
    this.#task = null;
    this.#working = false;
    const answered = this.#answeredAt !== null;
    if (answered && now() - this.#answeredAt >= SETTLED) this.#attempts = 0;
    for (const view of this.views.values()) {
      view.core.disconnected();
      view.connection(this.#closed ? "closed" : "connecting");
    }
    if (code !== undefined) socket.close(code, shortened(reason));
  }

  #comeBack(ordered) {
    // A listener that was just told may have closed the stream, or woken it.
    if (this.#closed || this.#socket !== null) return;
    const { now, random, setTimeout } = this.#environment;
    const pause = ordered ?? backoff(this.#attempts, random());
    this.#waitIsOrdered = ordered !== null;
    this.#attempts += 1;
    this.retryAt = now() + pause;
    this.#retryTimer = setTimeout(() => this.#connect(), pause);
  }
}

function withSlash(server) {
  const url = new URL(server);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** A close reason has room for 123 bytes of UTF-8, and a unit of a string takes 3 at most. */
function shortened(reason) {
  return reason.slice(0, 41);
}
