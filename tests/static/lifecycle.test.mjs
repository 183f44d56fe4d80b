// What a stream does when the page, the laptop or the clock stops and goes on.

import assert from "node:assert/strict";
import { test } from "node:test";

import { failTimes, live, World } from "./fakes.mjs";

for (const name of ["online", "visibilitychange", "pageshow", "focus", "resume"]) {
  test(`a laptop that slept connects again at once (${name})`, () => {
    const { world, view } = live();
    world.sleep(3_600_000);
    world.dispatch(name);
    assert.equal(world.sockets.length, 2);
    assert.deepEqual(world.asked, ["v@1-u1:10"]);
    assert.equal(view.rows().length, 1);
  });
}

/** A world whose stream has just begun to wait for 30 s. */
function waiting() {
  const world = new World();
  const stream = world.follow();
  failTimes(world, stream, 6);
  world.end();
  assert.equal(stream.retryAt - world.time, 30_000);
  return { world, before: world.sockets.length };
}

for (const [jump, connects] of [
  [3_600_000, true],
  [-3_600_000, true],
  [5_001, true],
  [5_000, false],
  [-5_001, true],
  [-5_000, false],
]) {
  test(`a clock that jumps by ${jump} ms ${connects ? "ends" : "does not end"} a wait`, () => {
    const { world, before } = waiting();
    // Some ticks later, so that they go on.
    world.pass(8_000);
    assert.equal(world.sockets.length, before);
    world.jump(jump);
    world.pass(2_000);
    assert.equal(world.sockets.length, before + (connects ? 1 : 0));
  });
}

for (const [silent, sockets] of [
  [7_500, 1],
  [7_501, 2],
]) {
  test(`waking after ${silent} ms of silence makes ${sockets} connections`, () => {
    const { world } = live();
    world.pass(silent);
    world.dispatch("online");
    assert.equal(world.sockets.length, sockets);
    assert.equal(world.sockets[0].closes.length, sockets - 1);
  });
}

test("waking ends a wait, once", () => {
  const { world } = live();
  world.end();
  world.dispatch("online");
  assert.equal(world.sockets.length, 2);
  world.dispatch("focus");
  world.pass(7_000);
  assert.equal(world.sockets.length, 2);
});

for (const [away, back] of [
  ["pagehide", "pageshow"],
  ["freeze", "resume"],
]) {
  test(`${away} closes the socket, and ${back} resumes at once`, () => {
    const { world, stream, view } = live();
    world.dispatch(away);
    assert.deepEqual(world.socket.closes, [[1000, ""]]);
    assert.equal(stream.state, "paused");
    assert.equal(view.standing.state, "paused");
    world.pass(3_600_000);
    assert.equal(world.sockets.length, 1);
    world.dispatch(back);
    assert.deepEqual(world.asked, ["v@1-u1:10"]);
    assert.equal(view.standing.state, "connecting");
    assert.equal(view.rows().length, 1);
  });
}

test("pagehide during a wait ends the wait", () => {
  const { world, stream } = live();
  world.end();
  world.dispatch("pagehide");
  assert.equal(stream.retryAt, null);
  world.pass(60_000);
  assert.equal(world.sockets.length, 1);
});

test("a stream that the page paused is not resumed by the browser", () => {
  const { world, stream } = live();
  stream.pause();
  world.dispatch("pagehide");
  world.dispatch("pageshow");
  world.dispatch("online");
  stream.retry();
  assert.equal(world.sockets.length, 1);
  stream.resume();
  assert.equal(world.sockets.length, 2);
});

test("pausing twice and resuming twice makes one connection", () => {
  const { world, stream } = live();
  stream.pause();
  stream.pause();
  stream.resume();
  stream.resume();
  assert.equal(world.sockets.length, 2);
  assert.equal(world.sockets[0].closes.length, 1);
});

test("a paused stream has no timers and ignores the page", () => {
  const world = new World();
  const stream = world.follow({ paused: true });
  assert.deepEqual(world.timers, []);
  world.dispatch("pageshow");
  assert.equal(world.sockets.length, 0);
  stream.resume();
  stream.pause();
  assert.deepEqual(world.timers, []);
  world.dispatch("resume");
  assert.equal(world.sockets.length, 1);
});

test("resuming twice watches the page once", () => {
  const { world, stream } = live();
  stream.resume();
  stream.resume();
  assert.equal(world.timers.length, 2);
});

test("a stream that begins paused connects when it is resumed", () => {
  const world = new World();
  const stream = world.follow({ paused: true });
  assert.equal(stream.view("v").standing.state, "paused");
  assert.equal(world.sockets.length, 0);
  stream.resume();
  assert.equal(world.sockets.length, 1);
});

test("the clock is compared with a timer every two seconds", () => {
  const { world } = live();
  assert.equal(world.timers[0], 2_000);
  world.pass(2_000);
  assert.equal(world.timers[0], 2_000);
});
