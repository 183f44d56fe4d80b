// How long a stream waits before it connects again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { base, delta, failTimes, live, World } from "./fakes.mjs";

test("waits double up to half a minute, and jitter takes any part of them", () => {
  const world = new World();
  const stream = world.follow();
  const waits = [];
  for (let attempt = 0; attempt < 9; attempt += 1) {
    world.end();
    waits.push(stream.retryAt - world.time);
    world.pass(waits.at(-1));
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  world.random = 0.25;
  world.end();
  assert.equal(stream.retryAt - world.time, 7500);
});

test("a server that is away for an hour is asked about 125 times", () => {
  const world = new World();
  const stream = world.follow();
  const end = world.time + 3_600_000;
  while (world.time < end) failTimes(world, stream, 1);
  assert.ok(world.sockets.length > 120 && world.sockets.length < 130, `${world.sockets.length}`);
});

for (const [lasted, expected] of [
  [4_999, 8_000],
  [5_000, 500],
]) {
  test(`a connection that lasted ${lasted} ms is followed by a wait of ${expected}`, () => {
    const world = new World();
    const stream = world.follow();
    failTimes(world, stream, 4);
    world.open();
    world.send(base(10, []));
    world.pass(lasted);
    world.end();
    assert.equal(stream.retryAt - world.time, expected);
  });
}

test("a connection that opened but brought no message does not shorten the waits", () => {
  const world = new World();
  const stream = world.follow();
  failTimes(world, stream, 4);
  world.open();
  world.pass(14_000);
  world.end();
  assert.equal(stream.retryAt - world.time, 8_000);
});

test("a server whose every connection brings a gap is asked ever more rarely", () => {
  const world = new World();
  const stream = world.follow();
  const waits = [];
  for (let attempt = 0; attempt < 4; attempt += 1) {
    world.open();
    world.send(base(10, []), delta(11, 12));
    waits.push(stream.retryAt - world.time);
    world.pass(waits.at(-1));
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000]);
});

test("a server may say when to come back; only retry() comes earlier", () => {
  const { world, stream } = live();
  world.end(1001, "retry=12.5");
  assert.equal(stream.retryAt - world.time, 12_500);
  world.dispatch("online");
  assert.equal(world.sockets.length, 1);
  world.pass(12_499);
  assert.equal(world.sockets.length, 1);
  world.pass(1);
  assert.equal(world.sockets.length, 2);
  world.end(1001, "retry=12.5");
  stream.retry();
  assert.equal(world.sockets.length, 3);
});

for (const [reason, wait] of [
  ["retry=soon", 500],
  ["retry=-1", 500],
  ["later: retry=9", 500],
  ["retry=0", 0],
  ["retry=9999", 600_000],
]) {
  test(`the close reason ${reason} is followed by a wait of ${wait} ms`, () => {
    const { world, stream } = live();
    world.end(1001, reason);
    assert.equal(stream.retryAt - world.time, wait);
  });
}

test("an ordered wait holds for one attempt only", () => {
  const { world } = live();
  world.end(1001, "retry=5");
  world.pass(5_000);
  world.end();
  world.dispatch("online");
  assert.equal(world.sockets.length, 3);
});
