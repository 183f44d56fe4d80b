// Streams that parts of a page share: one connection, as long as somebody needs it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { KEEP, LINGER, share } from "../../static/viewstream/shared.js";
import { viewStore } from "../../static/viewstream/svelte.js";
import { ALICE, BOB, base, delta, World } from "./fakes.mjs";

/** Replace the global timers; returns a function that lets time pass. */
function replaceTimers(context) {
  const { setTimeout, clearTimeout } = globalThis;
  const timers = new Map();
  let now = 0;
  globalThis.setTimeout = (task, delay) => {
    const timer = {};
    timers.set(timer, { task, at: now + delay });
    return timer;
  };
  globalThis.clearTimeout = (timer) => timers.delete(timer);
  context.after(() => Object.assign(globalThis, { setTimeout, clearTimeout }));
  return (milliseconds) => {
    now += milliseconds;
    for (const [timer, { task, at }] of [...timers]) {
      if (at > now) continue;
      timers.delete(timer);
      task();
    }
  };
}

/** A world of its own for each test, so that no two tests share a stream. */
function sharing(context) {
  const tick = replaceTimers(context);
  const world = new World();
  const options = { server: "http://example.test/", environment: world.environment() };
  return { world, options, tick };
}

test("a stream connects when it is used, once for all its users", (context) => {
  const { world, options } = sharing(context);
  const shared = share(["v"], options);
  assert.equal(share(["v"], { ...options }), shared);
  assert.equal(world.sockets.length, 0);
  shared.use();
  shared.use();
  assert.equal(world.sockets.length, 1);
  assert.notEqual(share(["v"], { ...options, int8: "bigint" }), shared);
  assert.notEqual(share(["v", "w"], options), shared);
});

test("it stays connected for a while after its last user has left", (context) => {
  const { world, options, tick } = sharing(context);
  const { use, stream } = share(["v"], options);
  const [first, second] = [use(), use()];
  first();
  first();
  tick(LINGER);
  assert.equal(stream.state, "connecting", "the second user is still there");
  second();
  tick(LINGER - 1);
  assert.equal(stream.state, "connecting");
  const third = use();
  tick(LINGER);
  assert.equal(stream.state, "connecting");
  third();
  tick(LINGER);
  assert.equal(stream.state, "paused");
  assert.equal(world.sockets.length, 1);
});

test("a page that comes back sees the rows at once, and resumes", (context) => {
  const { world, options, tick } = sharing(context);
  const leave = share(["v"], options).use();
  world.open();
  world.send(base(10, [ALICE]));
  leave();
  tick(LINGER);
  assert.equal(world.socket.closes.length, 1);
  tick(KEEP - 1);
  const again = share(["v"], options);
  assert.equal(again.stream.view("v").rows().length, 1);
  again.use();
  assert.deepEqual(world.asked, ["v@1-u1:10"]);
});

test("rows of a stream that nobody needs are forgotten", (context) => {
  const { world, options, tick } = sharing(context);
  const shared = share(["v"], options);
  shared.use()();
  tick(LINGER);
  tick(KEEP);
  assert.deepEqual(world.timers, []);
  assert.notEqual(share(["v"], options), shared);
  // A part of the page that was hidden all the time still has it.
  shared.use();
  assert.equal(world.sockets.length, 2);
});

test("mounting and unmounting fast makes one connection (StrictMode, hot reload)", (context) => {
  const { world, options, tick } = sharing(context);
  for (let save = 0; save < 20; save += 1) {
    const leave = share(["v"], { ...options }).use();
    tick(100);
    if (save < 19) leave();
  }
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(world.socket.closes, []);
});

test("a Svelte store gets the rows at once, and again when they change", (context) => {
  const { world, options, tick } = sharing(context);
  const store = viewStore("v", { ...options, views: ["v", "w"] });
  const [values, states] = [[], []];
  const unsubscribe = store.subscribe((rows) => values.push(rows));
  const stop = store.standing.subscribe(({ state }) => states.push(state));
  world.open();
  world.send(base(10, [ALICE]), delta(10, 20), delta(20, 30, [[21, 1, BOB]]));
  assert.deepEqual(
    values.map(({ length }) => length),
    [0, 1, 2],
  );
  assert.deepEqual(states, ["connecting", "live"]);
  unsubscribe();
  stop();
  tick(LINGER);
  assert.equal(store.stream.state, "paused");
  assert.equal(world.sockets.length, 1);
  assert.equal(store.view.loaded, true);
});
