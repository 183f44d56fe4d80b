// A world for the stream's shell in which time, chance and the network do what a test says.

import { follow } from "../../static/viewstream/index.js";

export const EPOCH = "1-u1";
const COLUMNS = [
  { name: "user", type: "text" },
  { name: "count", type: "int8" },
];

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

export class World {
  time = 1_000_000;
  chance = 1;
  sockets = [];
  events = new EventTarget();
  #timers = new Map();
  #lastTimer = 0;
  #deferred = [];

  /** Follow views in this world. */
  follow(...views) {
    const world = this;
    class FakeSocket {
      closes = [];

      constructor(url) {
        this.url = url;
        world.sockets.push(this);
      }

      close(code, reason) {
        this.closes.push([code, reason]);
      }
    }
    const environment = {
      WebSocket: FakeSocket,
      now: () => this.time,
      random: () => this.chance,
      setTimeout: (task, delay) => {
        this.#lastTimer += 1;
        this.#timers.set(this.#lastTimer, { task, at: this.time + delay });
        return this.#lastTimer;
      },
      clearTimeout: (timer) => this.#timers.delete(timer),
      defer: (task) => this.#deferred.push(task),
      events: this.events,
    };
    return follow(views.length ? views : ["v"], { server: "http://example.test/", environment });
  }

  /** The socket opened last. */
  get socket() {
    return this.sockets.at(-1);
  }

  /** What the last connection asked for. */
  get asked() {
    return new URL(this.socket.url).searchParams.getAll("view");
  }

  get timers() {
    return [...this.#timers.values()].map(({ at }) => at - this.time).sort((a, b) => a - b);
  }

  open() {
    this.socket.onopen({});
  }

  say(...messages) {
    for (const message of messages) {
      const data = typeof message === "string" ? message : JSON.stringify(message);
      this.socket.onmessage({ data });
    }
  }

  end(code = 1006, reason = "") {
    this.socket.onclose({ code, reason });
  }

  /** Let time pass, and what is due happen. */
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

  /** Let time pass as on a laptop that sleeps: nothing happens meanwhile. */
  sleep(milliseconds) {
    this.time += milliseconds;
  }

  /** Do one piece of work that was put off; returns whether there was one. */
  resumeWork() {
    const task = this.#deferred.shift();
    task?.();
    return task !== undefined;
  }

  wake(name) {
    this.events.dispatchEvent(new Event(name));
  }
}
