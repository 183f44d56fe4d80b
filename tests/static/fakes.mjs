// A world whose clock, randomness and network are in the hands of a test, and messages for it.

import { follow } from "../../static/viewstream/index.js";
import { receive, receiveShort } from "../../static/viewstream/state.js";

export const EPOCH = "1-u1";
export const COLUMNS = [
  { name: "user", type: "text" },
  { name: "count", type: "int8" },
];
export const ALICE = ["Alice", "12"];
export const BOB = ["Bob", "9"];

export const base = (upper, rows, more) => ({
  type: "base",
  view: "v",
  epoch: EPOCH,
  upper,
  columns: COLUMNS,
  rows,
  ...more,
});

export const delta = (lower, upper, updates = [], more = {}) => ({
  type: "delta",
  view: "v",
  epoch: EPOCH,
  lower,
  upper,
  updates,
  ...more,
});

export const status = (state, reason = "", more = {}) => ({
  type: "status",
  view: "v",
  state,
  reason,
  ...more,
});

/** Apply a message as the stream does, but without pauses. */
export function receiveAtOnce(state, message) {
  const change = receiveShort(state, message);
  return change === undefined ? receiveInSlices(state, message) : change;
}

/** `receive` without pauses. */
export function receiveInSlices(state, message) {
  const task = receive(state, message);
  let step = task.next();
  while (!step.done) step = task.next();
  return step.value;
}

/** Mulberry32, by Tommy Ettinger: small, and random enough to choose test data. */
export function chooser(seed) {
  let state = seed >>> 0;
  const below = (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
  return {
    below,
    of: (list) => list[below(list.length)],
    chance: (percent) => below(100) < percent,
  };
}

/** Run a check for each seed; the error of one that fails says how to repeat it. */
export function forSeeds(runs, check) {
  const only = process.env.MODEL_SEED;
  const seeds = only === undefined ? Array(runs).keys() : [Number(only)];
  for (const seed of seeds) {
    try {
      check(chooser(seed));
    } catch (error) {
      error.message = `seed ${seed} (MODEL_SEED=${seed} repeats it): ${error.message}`;
      throw error;
    }
  }
}

export class World {
  time = 1_000_000;
  random = 1;
  sockets = [];
  fetches = [];
  events = new EventTarget();
  #timers = new Map();
  #lastTimer = 0;
  #deferred = [];

  /** Follow views in this world; `options` may name them as `views`. */
  follow({ views = ["v"], environment, ...options } = {}) {
    return follow(views, {
      server: "http://example.test/",
      environment: { ...this.environment(), ...environment },
      ...options,
    });
  }

  environment() {
    const world = this;
    class FakeSocket {
      closes = [];

      constructor(url, protocols) {
        this.url = url;
        this.protocols = protocols;
        world.sockets.push(this);
      }

      close(code, reason) {
        this.closes.push([code, reason]);
      }
    }
    return {
      WebSocket: FakeSocket,
      fetch: undefined,
      now: () => this.time,
      random: () => this.random,
      setTimeout: (task, delay) => {
        this.#lastTimer += 1;
        this.#timers.set(this.#lastTimer, { task, at: this.time + delay });
        return this.#lastTimer;
      },
      clearTimeout: (timer) => this.#timers.delete(timer),
      defer: (task) => this.#deferred.push(task),
      events: this.events,
    };
  }

  /** The socket that was opened last. */
  get socket() {
    return this.sockets.at(-1);
  }

  /** The views that the last connection asked for. */
  get asked() {
    return new URL(this.socket.url).searchParams.getAll("view");
  }

  /** The delays of all timers. */
  get timers() {
    return [...this.#timers.values()].map(({ at }) => at - this.time).sort((a, b) => a - b);
  }

  open() {
    this.socket.onopen({});
  }

  send(...messages) {
    for (const message of messages) {
      const data = typeof message === "string" ? message : JSON.stringify(message);
      this.socket.onmessage({ data });
    }
  }

  /** The server ends the connection. */
  end(code = 1006, reason = "") {
    this.socket.onclose({ code, reason });
  }

  /** Let time pass, and run the timers that are due. */
  pass(milliseconds) {
    const end = this.time + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end);
      if (due.length === 0) break;
      const [timer, { task, at }] = due.sort(([, a], [, b]) => a.at - b.at)[0];
      this.#timers.delete(timer);
      this.time = Math.max(this.time, at);
      task();
    }
    this.time = end;
  }

  /** Let time pass as on a laptop that sleeps: no timer runs. */
  sleep(milliseconds) {
    this.time += milliseconds;
  }

  /** Set the clock, of which timers know nothing. */
  jump(milliseconds) {
    this.time += milliseconds;
    for (const timer of this.#timers.values()) timer.at += milliseconds;
  }

  /** Run one deferred task; returns whether there was one. */
  runDeferred() {
    const task = this.#deferred.shift();
    task?.();
    return task !== undefined;
  }

  dispatch(name) {
    this.events.dispatchEvent(new Event(name));
  }
}

/** A world that follows `v` over an open connection, with a base. */
export function live(options) {
  const world = new World();
  const stream = world.follow(options);
  const view = stream.view("v");
  world.open();
  world.send(base(10, [ALICE]));
  return { world, stream, view };
}

/** Fail `count` times, each after the wait that the stream chose. */
export function failTimes(world, stream, count) {
  for (let attempt = 0; attempt < count; attempt += 1) {
    world.end();
    world.pass(stream.retryAt - world.time);
  }
}

/** Collect what a view's listeners get, without the first call about the rows that were there. */
export function changesOf(view, options) {
  const changes = [];
  view.onChange(
    ({ lower, upper, inserted, deleted, updated }) =>
      changes.push({ lower, upper, inserted, deleted, updated }),
    options,
  );
  changes.length = 0;
  return changes;
}
